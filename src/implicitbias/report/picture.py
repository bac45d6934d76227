"""A figure's files as the page shows them: pictures and numbers as data URIs, and their words."""

from __future__ import annotations

import base64
import html
import re
from pathlib import Path
from urllib.parse import quote

import pandas as pd
from markupsafe import Markup

from ..errors import UserError

_DESCRIPTION = re.compile(r"<dc:description>(.*?)</dc:description>", re.DOTALL)
_PLAIN = "".join(map(chr, range(32, 127))).translate(str.maketrans("", "", '"#%&'))
_NAMED = 8  # panels and series that an alternative text lists


def picture(root: Path, key: str) -> str | None:
    """As a data URI for <img>: there ids cannot clash with the page's, and no script runs.

    Of SVG and PNG the one that takes less of the page.
    """
    stem = root / "figures" / key
    svg = data_uri(stem.with_name(f"{stem.name}.svg"), "image/svg+xml")
    png = data_uri(stem.with_name(f"{stem.name}.png"), "image/png")
    return min((uri for uri in (svg, png) if uri), key=len, default=None)


def alternative(title: str, numbers: Path) -> str:
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


def description(svg: Path) -> str:
    """The description that a picture carries in its metadata."""
    try:
        found = _DESCRIPTION.search(svg.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{svg}: cannot be read: {error}") from error
    return html.unescape(" ".join(found[1].split())) if found else ""


def data_uri(path: Path, kind: str) -> str | None:
    """The file as an address; None where there is none."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    if kind == "image/png":
        return Markup(f"data:{kind};base64,{base64.b64encode(data).decode()}")
    return text_uri(data, kind)


def text_uri(text: str | bytes, kind: str) -> Markup:
    """Percent-encoded: a quarter shorter than base64, and safe between double quotes."""
    return Markup(f"data:{kind},{quote(text, safe=_PLAIN)}")
