"""The first drawing of the page: a rank figure whose tolerance the reader moves.

It is figure 8 at the papers' own protocol, beside the published points, where those runs are there;
else the first rank figure of the page.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ...analysis.claims import Point
from ...plan import papers
from ...plan.config import Config
from ...plan.overlays import Layer
from ...plan.plan import Plan, make_plan
from .figure import claims_of

FULL = "published/"  # before the key of a figure drawn from the runs at the papers' own protocol
FIRST = "galanti2025rank/fig08"
AGREEMENT = "published-average-rank"  # the claim that holds the published points
LAST_RECORD = 490  # epochs after which the paper's last record is taken, of 500
_PANEL = re.compile(r"(B|mu|lambda)=(.+)")
_FIELDS = {"B": "batch_size", "mu": "lr", "lambda": "weight_decay"}


def published_plan(root: Path | None) -> Plan | None:
    """Return the plan of the published runs, whatever a user's own config says.

    None where there are no packs, or the workflow is not in the current folder.
    """
    if root is None or not (root / "packs").is_dir() or not Path("workflow/papers").is_dir():
        return None
    said = {"scale": "published"}
    settings, sources = papers.resolve(said, [Layer(Path("--scale"), said)])
    here: Config = settings.model_copy(update={"scale": root.name})
    return make_plan(here, sources, root.parent)


def reference(root: Path, key: str) -> dict[str, Any] | None:
    """Return the published average ranks of a figure: the field of its panels, and its points.

    Each point is the panel's value, x, the published rank, and by how much it may differ from ours,
    down and up; nulls where only one of the two networks learnt, so that it is not compared. None
    where there are no such points.
    """
    found = next((c for c in claims_of(root, key) or () if c.id == AGREEMENT), None)
    panels = [_PANEL.fullmatch(point.panel) for point in found.points] if found else []
    if found is None or not panels or not all(panels):
        return None
    rows = [
        [float(match[2]), point.x, point.published, *_room(point)]
        for match, point in zip(panels, found.points, strict=True)
        if match
    ]
    first = panels[0]
    return {"field": _FIELDS[first[1]] if first else "", "epoch": LAST_RECORD, "points": rows}


def _room(point: Point) -> tuple[float, float] | tuple[None, None]:
    ours = point.ours
    return (None, None) if point.basis == "apart" else (point.low - ours, point.high - ours)


def chosen(ranks: dict[str, Any]) -> str | None:
    """Return the figure that the page opens with, of those that can be redrawn."""
    order = [FULL + FIRST, FIRST, *(key for key in ranks if ranks[key]["x"] != "epoch"), *ranks]
    return next((key for key in order if key in ranks), None)
