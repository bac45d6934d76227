"""The page's program is Vega-Lite as vl-convert bundles it and our own files, allowed by hash."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from ...base.errors import UserError

_HERE = Path(__file__).parent / "script"
FILES = (
    "data", "controls", "charts", "tool", "ranks", "spectrum", "plane", "curves", "page",
)  # fmt: skip


@cache
def scripts() -> tuple[str, ...]:
    """Return two modules in the order in which they run; neither holds `</script`."""
    own = "\n".join((_HERE / f"{name}.js").read_text(encoding="utf-8") for name in FILES)
    return tuple(text.replace("</script", r"<\/script") for text in (_vega(), own))


def policy(texts: tuple[str, ...]) -> str:
    """Return the content security policy of a page on which only these scripts run.

    Nothing else is loaded.
    """
    hashes = " ".join(f"'sha256-{_digest(text)}'" for text in texts)
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline';"
        f" script-src {hashes or chr(39) + 'none' + chr(39)}; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _vega() -> str:
    """Return `vegaEmbed` with Vega and Vega-Lite inside, about 900 kB, from installed packages."""
    try:
        import vl_convert
    except ImportError as error:
        raise UserError(
            "the report's drawings need vl-convert-python: pip install 'implicitbias[workflow]'"
        ) from error
    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
