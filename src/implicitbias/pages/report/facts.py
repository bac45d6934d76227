"""The numbers come from packs, whose provenance is read and summed up here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field, NonNegativeInt, ValidationError

from ...base.errors import UserError, counted
from ...plan import packs
from ...plan.plan import Plan
from ...plan.spec import explain
from .blocks import packed_json


class Provenance(BaseModel):
    """The part of a pack's provenance.json that the page shows; keys added later are ignored."""

    started: AwareDatetime
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    resumed: bool = False  # then `seconds` leaves out what the killed process did
    implicitbias: str
    commit: str
    python: str
    packages: dict[str, str]
    device: str
    processor: str
    cores: NonNegativeInt | None
    threads: NonNegativeInt

    @property
    def machine(self) -> str:
        """Return the accelerator, if there is one, and the processor."""
        cores = f"{self.processor}, {self.cores or 'unknown'} core{'s' * (self.cores != 1)}"
        return cores if self.device == "cpu" else f"{self.device}, on {cores}"

    @property
    def shown(self) -> dict[str, Any]:
        """Return what the table of packs shows of it."""
        versions = [f"Python {self.python}", f"implicitbias {self.implicitbias}"]
        versions += [f"{name} {version}" for name, version in sorted(self.packages.items())]
        return {
            "seconds": round(self.seconds, 1), "resumed": self.resumed, "device": self.device,
            "threads": self.threads, "machine": self.machine,
            "commit": self.commit or "not in a git repository", "versions": ", ".join(versions),
        }  # fmt: skip


@dataclass(frozen=True)
class PackFacts:
    """A pack of the plan; `provenance` is None while it is not trained."""

    name: str
    anchor: str
    runs: int
    provenance: Provenance | None


@dataclass(frozen=True)
class Facts:
    """The facts of all packs of a plan, by name."""

    packs: dict[str, PackFacts]
    home: dict[str, str]  # run -> its pack
    runs: int

    @property
    def packed(self) -> str:
        """Return a table of every pack as the page's program reads it; see script/runs.js."""
        rows = {
            name: {"runs": pack.runs, "trained": pack.provenance and pack.provenance.shown}
            for name, pack in self.packs.items()
        }
        return packed_json(rows)

    @property
    def trained(self) -> list[Provenance]:
        """Return the provenance of every trained pack."""
        return [p.provenance for p in self.packs.values() if p.provenance]

    @property
    def trained_runs(self) -> int:
        """Return the number of runs of the plan whose pack is trained."""
        return sum(self.packs[pack].provenance is not None for pack in self.home.values())

    @property
    def seconds(self) -> float:
        """Return the training time, summed over packs: packs that ran side by side count each."""
        return sum(p.seconds for p in self.trained)

    @property
    def newest(self) -> AwareDatetime | None:
        """Return when the newest pack started."""
        return max((p.started for p in self.trained), default=None)

    @property
    def machines(self) -> list[str]:
        """Return every machine, with its share of the packs if there are several."""
        return _shares(p.machine for p in self.trained)

    @property
    def commits(self) -> list[str]:
        """Return every commit; `+` marks uncommitted changes."""
        return _shares(_short(p.commit) for p in self.trained)

    @property
    def versions(self) -> list[str]:
        """Return Python and every package, once for each version that trained a pack."""
        names = {f"Python {p.python}" for p in self.trained}
        names |= {f"implicitbias {p.implicitbias}" for p in self.trained}
        names |= {f"{name} {v}" for p in self.trained for name, v in p.packages.items()}
        return sorted(names, key=str.lower)


def _short(commit: str) -> str:
    return commit[:12] + "+" * commit.endswith("+") if commit else "not in a git repository"


def _shares(values: Iterable[str]) -> list[str]:
    counts = Counter(values)
    if len(counts) < 2:
        return list(counts)
    return [f"{value} ({counted(counts[value], 'pack')})" for value in sorted(counts)]


def read_facts(plan: Plan) -> Facts:
    """Return the provenance of every pack of the plan."""
    facts = {
        name: PackFacts(
            name,
            f"pack-{name}",
            len(pack.runs),
            _read(_provenance(plan.results, name)),
        )
        for name, pack in sorted(plan.packs.items())
    }
    home = {run: n for n, pack in plan.packs.items() for run in pack.runs if run in plan.runs}
    return Facts(facts, home, len(plan.runs))


def facts_in(results: Path) -> Facts:
    """Return the provenance of every pack in a folder of results, whatever plan made it."""
    members = {name: pack.runs for name, pack in packs.written(results / "packs").items()}
    facts = {
        name: PackFacts(name, f"pack-{name}", len(runs), _read(_provenance(results, name)))
        for name, runs in members.items()
    }
    home = {run: name for name, runs in members.items() for run in runs}
    return Facts(facts, home, len(home))


def _provenance(results: Path, pack: str) -> Path:
    return results / "packs" / pack / "records" / "provenance.json"


def _read(path: Path) -> Provenance | None:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    try:
        return Provenance.model_validate_json(text)
    except ValidationError as error:
        problem = explain(error, tuple(Provenance.model_fields))
        raise UserError(f"{path}: not a pack's provenance: {problem}") from error
