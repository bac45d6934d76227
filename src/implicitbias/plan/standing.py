"""Which outputs of a plan exist, and which of them are out of date, both by content."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from ..base import provenance
from . import content
from .plan import Plan

KINDS = ("svg", "png", "pdf", "csv")  # of a figure


class Standing:
    """The tables, figures and report of a plan, compared with the files on disk."""

    def __init__(self, plan: Plan, config_text: str) -> None:
        self.plan, self.config_text = plan, config_text

    def table(self, key: str) -> Path:
        """The file of a figure's table."""
        return self.plan.results / "tables" / f"{key}.parquet"

    def picture(self, key: str) -> Path:
        """The first file of a figure."""
        return self.plan.results / "figures" / f"{key}.svg"

    def provenance(self, pack: str) -> Path:
        """The file that says of a pack that it is trained."""
        return self.plan.pack_folder(pack) / "records" / provenance.NAME

    @property
    def config(self) -> Path:
        """The file of the resolved config."""
        return self.plan.results / "config.json"

    @property
    def report(self) -> Path:
        """The file of the report."""
        return self.plan.results / "report.html"

    @cached_property
    def wanted(self) -> dict[Path, str | None]:
        """Output -> the digest of its planned inputs; None while they do not exist."""
        plan, found = self.plan, dict[Path, str | None]()
        figures: dict[str, str | None] = {}
        for key, one in plan.figures.items():
            packs = content.records(map(plan.pack_folder, one.packs))
            table = found[self.table(key)] = content.table(one.definition, packs)
            figures[key] = content.figure(key, plan.config.scale, one.metrics, table)
            found[self.picture(key)] = figures[key]
        packs = content.records(map(plan.pack_folder, plan.packs))
        found[self.report] = content.report(self.config_text, figures, packs)
        return found

    @cached_property
    def right(self) -> frozenset[Path]:
        """The outputs that exist and were made from their planned inputs."""
        same = (path for path, of in self.wanted.items() if of and content.read(path) == of)
        return frozenset(path for path in same if all(p.exists() for p in self._files(path)))

    @cached_property
    def stale(self) -> frozenset[Path]:
        """The outputs that are there and known to be made of something else; lost records."""
        old = {
            path for path, of in self.wanted.items()
            if of and path.exists() and content.read(path) not in (None, of)
        }  # fmt: skip
        lost = {
            self.provenance(name) for name in self.plan.packs
            if not self.plan.trained(name) and self.provenance(name).exists()
        }  # fmt: skip
        config = {self.config} if self.config.exists() and not self._config_is_right() else set()
        return frozenset(old | lost | config)

    def _config_is_right(self) -> bool:
        try:
            return self.config.read_text(encoding="utf-8").strip() == self.config_text.strip()
        except (OSError, UnicodeDecodeError):
            return False

    def _files(self, path: Path) -> list[Path]:
        if path.suffix != ".svg":
            return [path]
        claims = self.plan.results / "claims" / path.parent.name / f"{path.stem}.json"
        return [*(path.with_suffix(f".{kind}") for kind in KINDS), claims]
