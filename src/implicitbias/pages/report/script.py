"""The page's programs: our own files as one module, and Vega-Lite as vl-convert bundles it.

Both are allowed by their hashes. Vega-Lite, about 900 kB, is packed on the page and started when
the first drawing needs it.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from ...base.errors import UserError

_HERE = Path(__file__).parent / "script"
FILES = (
    "data", "address", "controls", "charts", "tool", "ranks", "opening", "spectrum", "plane",
    "curves", "points", "runs", "picture", "filter", "page",
)  # fmt: skip
# An inline module that is added later tells the page in no other way that it has run.
_STARTED = "window.vegaEmbed = vegaEmbed; window.dispatchEvent(new Event('vega'));"


@cache
def own() -> str:
    """Return our own files as the text of one module, which holds no `</script`."""
    text = "\n".join((_HERE / f"{name}.js").read_text(encoding="utf-8") for name in FILES)
    return text.replace("</script", r"<\/script")


@cache
def vega() -> str:
    """Return `vegaEmbed` with Vega and Vega-Lite inside, from installed packages."""
    try:
        import vl_convert
    except ImportError as error:
        raise UserError(
            "the report's drawings need vl-convert-python: pip install 'implicitbias[report]'"
        ) from error
    return str(vl_convert.javascript_bundle(_STARTED))


def policy(texts: tuple[str, ...]) -> str:
    """Return the content security policy of a page on which only these scripts run.

    Nothing else is loaded; pictures that the page unpacks are addresses of its own.
    """
    hashes = " ".join(f"'sha256-{_digest(text)}'" for text in texts)
    return (
        "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline';"
        f" script-src {hashes or chr(39) + 'none' + chr(39)}; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
