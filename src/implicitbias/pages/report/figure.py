"""The page shows a figure as its words, picture, numbers, claims and runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...analysis.claims import VERDICTS, Claim, read_claims
from ...base.errors import UserError
from ...base.registry import docstring, figure_path
from ...plan.figure import FigurePlan
from ...plan.plan import Plan
from .facts import Facts
from .picture import Picture, alternative, data_uri, description, picture
from .runs import RunTable, run_table


@dataclass(frozen=True)
class Figure:
    """The parts of a figure that the template reads.

    None means that the file is not there: the page says so.
    """

    key: str
    title: str
    caption: list[str]
    paper_title: str
    picture: Picture | None
    alt: str  # what the picture shows, for those who do not see it
    made: str  # n, the band, what the scale changes: the line under the picture; "" if unknown
    numbers: str | None  # data URI of the CSV
    claims: list[Claim] | None
    runs: RunTable
    command: str
    published: Published | None

    @property
    def paper(self) -> str:
        """Return the first half of the key."""
        return self.key.partition("/")[0]

    @property
    def name(self) -> str:
        """Return the second half of the key."""
        return self.key.partition("/")[2]

    @property
    def anchor(self) -> str:
        """Return the figure's id on the page."""
        return self.key.replace("/", "--")

    @property
    def code(self) -> str:
        """Return the path of the figure's code; the number is the path."""
        return f"src/implicitbias/figures/{self.key}.py"

    @property
    def verdict(self) -> str:
        """Return the worst verdict of the figure's claims."""
        if self.claims is None:
            return "not made"
        given = [claim.verdict for claim in self.claims]
        return next((verdict for verdict in VERDICTS if verdict in given), "no claims")

    @property
    def share(self) -> str:
        """Return how many of the claims have the worst verdict: `1 of 4`; "" without claims."""
        given = [claim.verdict for claim in self.claims or ()]
        return f"{given.count(self.verdict)} of {len(given)}" if given else ""  # type: ignore[arg-type]


@dataclass(frozen=True)
class Published:
    """The published version of a figure."""

    picture: Picture
    claims: list[Claim] | None


def read_figure(plan: Plan, figure: FigurePlan, facts: Facts, published: Path | None) -> Figure:
    """Return everything on disk about one figure."""
    title, caption = docstring(figure.code)
    stem = plan.results / "figures" / figure.key
    numbers = stem.with_name(f"{stem.name}.csv")
    return Figure(
        key=figure.key,
        title=title or figure.key,
        caption=caption,
        paper_title=docstring(figure.code.with_name("__init__.py"))[0],
        picture=picture(plan.results, figure.key),
        alt=alternative(title or figure.key, numbers),
        made=description(stem.with_name(f"{stem.name}.svg")),
        numbers=data_uri(numbers, "text/csv;charset=utf-8"),
        claims=claims_of(plan.results, figure.key),
        runs=run_table(plan, figure, facts),
        command=_command(plan.config.scale, figure.key),
        published=_published(published, figure.key),
    )


def heading(key: str) -> str:
    """Return the title of a figure, or its key where this version of the code does not have it."""
    try:
        return docstring(figure_path(key))[0] or key
    except UserError:
        return key


def _command(scale: str, key: str) -> str:
    """Return the command that rebuilds the figure; other scales than the default are asked for."""
    asked = "" if scale == "small" else f" --config scale={scale}"
    return f"snakemake results/{scale}/figures/{key}.svg --cores all{asked}"


def _published(root: Path | None, key: str) -> Published | None:
    shown = picture(root, key, small=True) if root else None
    return Published(shown, claims_of(root, key)) if root and shown else None


def claims_of(root: Path, key: str) -> list[Claim] | None:
    """Return the claims of a figure; None where there is no file of them."""
    path = root / "claims" / f"{key}.json"
    try:
        claims = read_claims(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: no readable claims; make the figure again: {error}") from error
    strangers = {claim.figure for claim in claims} - {key}
    if strangers:
        raise UserError(f"{path}: holds claims of {min(strangers)!r}, not of {key!r}")
    return claims
