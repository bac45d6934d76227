"""The page shows a figure as its words, pictures, claims, numbers and runs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ...analysis import published as reference
from ...analysis.claims import VERDICTS, Claim, read_claims
from ...base.errors import UserError
from ...base.registry import OWN, docstring, figure_path
from ...plan.config import Config
from ...plan.figure import FigurePlan
from ...plan.plan import Plan
from .blocks import packed_json
from .facts import Facts
from .picture import Picture, alternative, description, numbers, picture
from .runs import RunTable, run_table
from .verdicts import Bar, bar


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
    numbers: str | None  # the CSV, packed
    claims: list[Claim] | None
    runs: RunTable
    command: str
    published: Published | None
    points: str | None  # the paper's own points, packed, where no run of ours is published

    @property
    def paper(self) -> str:
        """Return the first half of the key."""
        return self.key.partition("/")[0]

    @property
    def name(self) -> str:
        """Return the second half of the key."""
        return self.key.partition("/")[2]

    @property
    def label(self) -> str:
        """Return what the figure is called: `Figure 8`, or `Experiment` where it has no number."""
        number = re.fullmatch(r"fig0*(\d+)", self.name)
        return f"Figure {number[1]}" if number else "Experiment"

    @property
    def anchor(self) -> str:
        """Return the figure's id on the page."""
        return self.key.replace("/", "--")

    @property
    def code(self) -> str:
        """Return the path of the figure's code; the number is the path."""
        return f"src/implicitbias/figures/{self.key}.py"

    @property
    def bar(self) -> Bar:
        """Return the share that each verdict has of the figure's claims."""
        return bar(self.claims or ())

    @property
    def ordered(self) -> list[Claim]:
        """Return the claims: `fails` first and `holds` last."""
        return in_order(self.claims or [])


@dataclass(frozen=True)
class Published:
    """The figure at the papers' own protocol, as published with the code."""

    picture: Picture
    claims: list[Claim]
    made: str

    @property
    def bar(self) -> Bar:
        """Return the share that each verdict has of the claims."""
        return bar(self.claims)


def in_order(claims: list[Claim]) -> list[Claim]:
    """Return claims with those first that a reader must see first."""
    return sorted(claims, key=lambda claim: VERDICTS.index(claim.verdict))


def read_figure(plan: Plan, figure: FigurePlan, facts: Facts, published: Path | None) -> Figure:
    """Return everything on disk about one figure."""
    title, caption = docstring(figure.code)
    if figure.key.startswith(f"{OWN}/"):
        title = figure.key.partition("/")[2].replace("_", " ")
    stem = plan.results / "figures" / figure.key
    csv = stem.with_name(f"{stem.name}.csv")
    full = _published(published, figure.key)
    return Figure(
        key=figure.key,
        title=title or figure.key,
        caption=caption,
        paper_title=docstring(figure.code.with_name("__init__.py"))[0],
        picture=picture(plan.results, figure.key),
        alt=alternative(title or figure.key, csv),
        made=description(stem.with_name(f"{stem.name}.svg")),
        numbers=numbers(csv),
        claims=claims_of(plan.results, figure.key),
        runs=run_table(plan, figure, facts),
        command=_command(plan.config, figure.key),
        published=full,
        points=None if full else _points(figure.key),
    )


def heading(key: str) -> str:
    """Return the title of a figure, or its key where this version of the code does not have it."""
    try:
        return docstring(figure_path(key))[0] or key
    except UserError:
        return key


def _command(config: Config, key: str) -> str:
    """Return the command that rebuilds the figure, with what is not the default of config.yaml."""
    own = {"scale": config.scale if config.scale != "small" else None, "results": config.results}
    asked = " ".join(f"{name}={value}" for name, value in own.items() if value)
    target = f"results/{config.results or config.scale}/figures/{key}.svg"
    return f"snakemake {target} --cores all{f' --config {asked}' if asked else ''}"


def _published(root: Path | None, key: str) -> Published | None:
    shown = picture(root, key, thumbnail=False) if root else None
    if root is None or shown is None:
        return None
    return Published(
        shown, claims_of(root, key) or [], description(root / "figures" / f"{key}.svg")
    )


def _points(key: str) -> str | None:
    """Return the points read off the paper's own figure, packed; None where there are none."""
    paper, _, name = key.partition("/")
    number = re.fullmatch(r"fig0*(\d+)", name)
    try:
        rows = reference.points(paper, number[1]) if number else None
    except FileNotFoundError:
        return None
    if rows is None or rows.empty:
        return None
    cells = rows.assign(panel=rows["panel"].fillna(""))[["panel", "series", "x_name", "x", "y"]]
    return packed_json(cells.to_numpy(dtype=object).tolist())


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
