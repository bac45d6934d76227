"""A figure's files are on the page as data URIs of pictures and numbers, and as their words."""

from __future__ import annotations

import base64
import html
import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import pandas as pd
from markupsafe import Markup
from PIL import Image

from ...base.errors import UserError

_DESCRIPTION = re.compile(r"<dc:description>(.*?)</dc:description>", re.DOTALL)
_PLAIN = "".join(map(chr, range(32, 127))).translate(str.maketrans("", "", '"#%&'))
_ENOUGH = 120_000  # bytes
_NO_DITHER = Image.Dither.NONE
_NAMED = 8  # panels and series that an alternative text lists


@dataclass(frozen=True)
class Picture:
    """A picture as a data URI for <img>: there ids cannot clash with the page's, no script runs.

    `width`: of a raster image, in CSS pixels at its printed size; None for SVG, which knows it.
    """

    source: str
    width: int | None = None


def picture(root: Path, key: str, small: bool = False) -> Picture | None:
    """Return the SVG, sharp at any zoom, unless it takes much of the page, or `small` is asked for.

    Then the smaller one of it and of the PNG in 256 colours, packed as WebP.
    """
    stem = root / "figures" / key
    source = data_uri(stem.with_name(f"{stem.name}.svg"), "image/svg+xml")
    if source and len(source) <= _ENOUGH and not small:
        return Picture(source)
    pictures = [Picture(source)] if source else []
    raster = _webp(stem.with_name(f"{stem.name}.png"))
    return min(
        [*pictures, *([raster] if raster else [])], key=lambda p: len(p.source), default=None
    )


def _webp(path: Path) -> Picture | None:
    packed = BytesIO()
    try:
        with Image.open(path) as image:
            inches = image.width / image.info.get("dpi", (200.0,))[0]
            # Of thousands of shades of antialiased lines: none by more than 18 of 255 in any figure
            # at scale small, by under 2 on average, white not at all; and half the bytes.
            few = image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=_NO_DITHER)
            few.convert("RGB").save(packed, "WEBP", lossless=True, quality=50, method=4)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path}: not a picture: {error}") from error
    data = base64.b64encode(packed.getvalue()).decode()
    return Picture(Markup(f"data:image/webp;base64,{data}"), round(96 * inches))


def alternative(title: str, numbers: Path) -> str:
    """Return the title, and which series are drawn in which panels, as the CSV names them."""
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
    """Return the description that a picture carries in its metadata."""
    try:
        match = _DESCRIPTION.search(svg.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{svg}: cannot be read: {error}") from error
    return html.unescape(" ".join(match[1].split())) if match else ""


def data_uri(path: Path, kind: str) -> str | None:
    """Return the file as an address; None where there is none."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    return text_uri(data, kind)


def text_uri(text: str | bytes, kind: str) -> Markup:
    """Return percent-encoded text, a quarter shorter than base64 and safe in double quotes."""
    return Markup(f"data:{kind},{quote(text, safe=_PLAIN)}")
