"""Our numbers beside the published points, where the paper's own protocol was run.

They are computed once, where the figure is judged (`analysis/agreement.py`), after as many epochs
as the published ones; every page takes them from the claims.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...analysis.claims import Claim, Point
from .figure import claims_of


@dataclass(frozen=True)
class Agreement:
    """One comparison of a figure's series with the published points."""

    key: str
    claim: Claim

    @property
    def what(self) -> str:
        """What is compared: the subject of the claim's sentence, or all of it if reworded."""
        return self.claim.claim.partition(" is the ")[0]

    @property
    def compared(self) -> list[Point]:
        """The points of which both networks learnt, or neither."""
        return [p for p in self.claim.points if p.basis != "apart"]

    @property
    def within(self) -> int:
        """How many of them agree."""
        return sum(p.agrees for p in self.compared)

    @property
    def seeds(self) -> str:
        """The seeds behind a point: `1`, or `1 to 3`."""
        least, most = (f([p.n for p in self.claim.points], default=0) for f in (min, max))
        return str(least) if least == most else f"{least} to {most}"


def agreements(published: Path | None, keys: list[str]) -> list[Agreement]:
    """Return the comparisons of every figure under `published` that has published points."""
    if published is None:
        return []
    every = ((key, claim) for key in keys for claim in claims_of(published, key) or ())
    return [Agreement(key, claim) for key, claim in every if claim.points]
