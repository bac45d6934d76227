"""One figure as the page shows it: its words, picture, numbers, claims and runs."""

from __future__ import annotations

import base64
import html
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pandas as pd
from markupsafe import Markup

from ..claim import Claim, read_claims
from ..errors import UserError
from ..plan import FigurePlan, Plan
from ..registry import docstring
from .facts import Facts
from .runs import RunTable, run_table

_DESCRIPTION = re.compile(r"<dc:description>(.*?)</dc:description>", re.DOTALL)
_PLAIN = "".join(map(chr, range(32, 127))).translate(str.maketrans("", "", '"#%&'))
_NAMED = 8  # panels and series that an alternative text lists
_WORST = ("fails", "undecided", "holds")


@dataclass(frozen=True)
class Figure:
    """What the template reads. None means that the file is not there: the page says so."""

    key: str
    title: str
    caption: list[str]
    paper_title: str
    picture: str | None  # data URI
    alt: str  # what the picture shows, for those who do not see it
    made: str  # n, the band, what the scale changes: the line under the picture; "" if unknown
    numbers: str | None  # data URI of the CSV
    claims: list[Claim] | None
    runs: RunTable
    command: str
    published: Published | None

    @property
    def paper(self) -> str:
        """The first half of the key."""
        return self.key.partition("/")[0]

    @property
    def name(self) -> str:
        """The second half of the key."""
        return self.key.partition("/")[2]

    @property
    def anchor(self) -> str:
        """The figure's id on the page."""
        return self.key.replace("/", "--")

    @property
    def code(self) -> str:
        """The number is the path."""
        return f"src/implicitbias/figures/{self.key}.py"

    @property
    def verdict(self) -> str:
        """The worst verdict of its claims."""
        if self.claims is None:
            return "not made"
        given = [claim.verdict for claim in self.claims]
        return next((verdict for verdict in _WORST if verdict in given), "no claims")

    @property
    def share(self) -> str:
        """How many of its claims have that worst verdict: `1 of 4`; "" without claims."""
        given = [claim.verdict for claim in self.claims or ()]
        return f"{given.count(self.verdict)} of {len(given)}" if given else ""  # type: ignore[arg-type]


@dataclass(frozen=True)
class Published:
    """The same figure as it is published with the code."""

    picture: str
    claims: list[Claim] | None


def read_figure(plan: Plan, figure: FigurePlan, facts: Facts, published: Path | None) -> Figure:
    """Everything on disk about one figure."""
    title, caption = docstring(figure.code)
    stem = plan.results / "figures" / figure.key
    numbers = stem.with_name(f"{stem.name}.csv")
    return Figure(
        key=figure.key,
        title=title or figure.key,
        caption=caption,
        paper_title=docstring(figure.code.with_name("__init__.py"))[0],
        picture=_picture(plan.results, figure.key),
        alt=_alt(title or figure.key, numbers),
        made=_made(stem.with_name(f"{stem.name}.svg")),
        numbers=_data_uri(numbers, "text/csv;charset=utf-8"),
        claims=_claims(plan.results, figure.key),
        runs=run_table(plan, figure, facts),
        command=_command(plan.config.scale, figure.key),
        published=_published(published, figure.key) if published != plan.results else None,
    )


def _command(scale: str, key: str) -> str:
    """What rebuilds the figure; scales other than the default must be asked for."""
    asked = "" if scale == "small" else f" --config scale={scale}"
    return f"snakemake results/{scale}/figures/{key}.svg --cores all{asked}"


def _published(root: Path | None, key: str) -> Published | None:
    picture = _picture(root, key) if root else None
    return Published(picture, _claims(root, key)) if root and picture else None


def _picture(root: Path, key: str) -> str | None:
    """As a data URI for <img>: there ids cannot clash with the page's, and no script runs.

    Of SVG and PNG the one that takes less of the page.
    """
    stem = root / "figures" / key
    svg = _data_uri(stem.with_name(f"{stem.name}.svg"), "image/svg+xml")
    png = _data_uri(stem.with_name(f"{stem.name}.png"), "image/png")
    return min((uri for uri in (svg, png) if uri), key=len, default=None)


def _alt(title: str, numbers: Path) -> str:
    """The title, and which series are drawn in which panels, as the CSV names them."""
    try:
        drawn = pd.read_csv(numbers, dtype=str)
    except FileNotFoundError:
        return title
    except (OSError, ValueError) as error:
        raise UserError(f"{numbers}: not the numbers of a figure: {error}") from error
    parts = [title]
    for column, word in (("panel", "Panels"), ("series", "Series"), ("x_name", "Against")):
        names = list(drawn[column].dropna().unique()) if column in drawn else []
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        if names:
            parts.append(f"{word}: {', '.join(names[:_NAMED])}{more}")
    return ". ".join(parts)


def _made(svg: Path) -> str:
    """The description that a picture carries in its metadata."""
    try:
        found = _DESCRIPTION.search(svg.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{svg}: cannot be read: {error}") from error
    return html.unescape(" ".join(found[1].split())) if found else ""


def _data_uri(path: Path, kind: str) -> str | None:
    """Text is percent-encoded, a quarter shorter than base64, and safe between double quotes."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    if kind == "image/png":
        return Markup(f"data:{kind};base64,{base64.b64encode(data).decode()}")
    return Markup(f"data:{kind},{quote(data, safe=_PLAIN)}")


def _claims(root: Path, key: str) -> list[Claim] | None:
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
