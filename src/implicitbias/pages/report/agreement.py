"""Our numbers stand here beside the published points, where the paper's own protocol was run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ...base.errors import UserError

ABSOLUTE, RELATIVE = 3.0, 0.05  # of a rank: what the figures' own claims call the published one


@dataclass(frozen=True)
class Agreement:
    """A figure's average ranks against the published ones: panel, x, ours, theirs, seeds."""

    key: str
    points: list[tuple[str, float, float, float, int]]

    @property
    def within(self) -> int:
        """Return the number of points that differ by no more than max(3, 5%)."""
        return sum(
            abs(ours - theirs) <= max(ABSOLUTE, RELATIVE * theirs)
            for _, _, ours, theirs, _ in self.points
        )

    @property
    def seeds(self) -> int:
        """Return the fewest seeds behind a point."""
        return min(n for *_, n in self.points)


def agreements(published: Path | None, keys: list[str]) -> list[Agreement]:
    """Return every figure under `published` whose CSV has our averages and published points."""
    compared = []
    for key in keys:
        path = (published or Path()) / "figures" / f"{key}.csv"
        if published and path.exists():
            try:
                rows = beside(pd.read_csv(path))
            except (OSError, ValueError, KeyError) as error:
                raise UserError(f"{path}: not the numbers of a figure: {error}") from error
            columns = (rows[name] for name in ("panel", "x", "mean", "published", "n"))
            points = [
                (str(panel), float(x), float(ours), float(theirs), int(n))
                for panel, x, ours, theirs, n in zip(*columns, strict=True)
            ]
            compared += [Agreement(key, points)] if points else []
    return compared


def beside(plotted: pd.DataFrame) -> pd.DataFrame:
    """Return rows panel, x, mean, n, published: the averages beside one published point each.

    `plotted` is the CSV of a figure. A panel with several published points at one x (two
    accuracies) has no unique partner and is left out.
    """
    ours = plotted[plotted["series"] == "average"]
    theirs = plotted[plotted["series"] == "published"].rename(columns={"mean": "published"})
    theirs = theirs.drop_duplicates(["panel", "x"], keep=False)
    return ours[["panel", "x", "mean", "n"]].merge(theirs[["panel", "x", "published"]])
