"""A figure's pictures: a thumbnail that is seen at once, and the whole, unpacked when opened."""

from __future__ import annotations

import base64
import html
import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup
from PIL import Image

from ...base.errors import UserError, printable
from .blocks import packed
from .plotted import plotted

_DESCRIPTION = re.compile(r"<dc:description>(.*?)</dc:description>", re.DOTALL)
_PLAIN = "".join(map(chr, range(32, 127))).translate(str.maketrans("", "", '"#%&'))
_NO_DITHER = Image.Dither.NONE
_NAMED = 8  # panels and series that an alternative text lists
_THUMBNAIL = 420  # pixels across
_LARGEST = 12_000  # pixels a side: a figure of 60 inches
_SMALL = 30_000  # bytes of an SVG that is its own thumbnail where there is no PNG
SVG, WEBP = "image/svg+xml", "image/webp"


@dataclass(frozen=True)
class Inline:
    """A picture as a data URI for <img>: there ids cannot clash with the page's, no script runs.

    `width`: of a raster image, in CSS pixels at its printed size; None for SVG, which knows it.
    """

    source: Markup
    width: int | None = None


@dataclass(frozen=True)
class Picture:
    """A picture in full, as a packed block of the page, and its thumbnail."""

    kind: str
    data: str
    thumbnail: Inline | None


def picture(root: Path, key: str, thumbnail: bool = True) -> Picture | None:
    """Return the SVG, sharp at any zoom, or the PNG as WebP where that is smaller or alone."""
    stem = root / "figures" / key
    svg, png = (_bytes(stem.with_name(f"{stem.name}.{kind}")) for kind in ("svg", "png"))
    whole = [(SVG, packed(svg))] if svg else []
    if png and (not svg or len(whole[0][1]) > len(png)):
        whole.append((WEBP, packed(_webp(_opened(png, stem)))))
    if not whole:
        return None
    kind, data = min(whole, key=lambda pair: len(pair[1]))
    return Picture(kind, data, _thumbnail(svg, png, stem) if thumbnail else None)


def inline(root: Path, key: str) -> Inline | None:
    """Return the smaller one of the SVG and the WebP, for a page that runs no program."""
    stem = root / "figures" / key
    svg, png = (_bytes(stem.with_name(f"{stem.name}.{kind}")) for kind in ("svg", "png"))
    found = [Inline(text_uri(svg, SVG))] if svg else []
    if png:
        image = _opened(png, stem)
        inches = image.width / _dots(image)
        found.append(Inline(_based(_webp(image), WEBP), round(96 * inches)))
    return min(found, key=lambda p: len(p.source), default=None)


def _thumbnail(svg: bytes | None, png: bytes | None, stem: Path) -> Inline | None:
    """Return a small picture; None where only a large SVG could be one."""
    if png:
        image = _opened(png, stem).convert("RGB")
        across = min(_THUMBNAIL, image.width)
        small = image.resize(
            (across, max(1, round(image.height * across / image.width))), Image.Resampling.LANCZOS
        )
        held = BytesIO()
        small.save(held, "WEBP", quality=55, method=6)
        return Inline(_based(held.getvalue(), WEBP), small.width)
    return Inline(text_uri(svg, SVG)) if svg and len(svg) < _SMALL else None


def _opened(png: bytes, stem: Path) -> Image.Image:
    try:
        image = Image.open(BytesIO(png))
        if max(image.size) > _LARGEST:
            raise ValueError(f"{image.width} x {image.height} pixels; at most {_LARGEST} a side")
        image.load()
    except (OSError, SyntaxError, ValueError, OverflowError, Image.DecompressionBombError) as error:
        said = printable(str(error))
        raise UserError(f"{stem}.png: not a picture: {said}") from error
    return image


def _dots(image: Image.Image) -> float:
    """Return the dots per inch that a picture names, or those that figures are saved with."""
    dots = float(image.info.get("dpi", (0.0,))[0])
    return dots if 10 < dots < 5000 else 200.0


def _webp(image: Image.Image) -> bytes:
    """Return the picture in 256 colours, packed without loss.

    Of thousands of shades of antialiased lines none changes by more than 18 of 255 in any figure at
    scale small, by under 2 on average, and white not at all; that takes half the bytes.
    """
    held = BytesIO()
    few = image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=_NO_DITHER)
    few.convert("RGB").save(held, "WEBP", lossless=True, quality=50, method=4)
    return held.getvalue()


def alternative(title: str, numbers: Path) -> str:
    """Return the title, and which series are drawn in which panels, as the CSV names them."""
    drawn = plotted(numbers, dtype=str)
    if drawn is None:
        return title
    parts = [title]
    for column, word in (("panel", "Panels"), ("series", "Series"), ("x_name", "Against")):
        names = list(drawn[column].dropna().unique()) if column in drawn else []
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        if names:
            parts.append(f"{word}: {', '.join(names[:_NAMED])}{more}")
    return ". ".join(parts)


def description(svg: Path) -> str:
    """Return the description that a picture carries in its metadata."""
    text = (_bytes(svg) or b"").decode(errors="replace")
    match = _DESCRIPTION.search(text)
    return html.unescape(" ".join(match[1].split())) if match else ""


def numbers(path: Path) -> str | None:
    """Return a figure's CSV, packed; None where there is none."""
    data = _bytes(path)
    return None if data is None else packed(data)


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error}") from error


def text_uri(text: str | bytes, kind: str) -> Markup:
    """Return percent-encoded text, a quarter shorter than base64 and safe in double quotes."""
    return Markup(f"data:{kind},{quote(text, safe=_PLAIN)}")


def _based(data: bytes, kind: str) -> Markup:
    return Markup(f"data:{kind};base64,{base64.b64encode(data).decode()}")
