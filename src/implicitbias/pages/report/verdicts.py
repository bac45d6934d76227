"""Verdicts are counted and drawn as bars: each has its share, and none hides another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ...analysis.claims import Claim, Verdict

ORDER: tuple[Verdict, ...] = ("holds", "undecided", "not tested", "fails")
WORDS = {"holds": ("holds", "hold"), "fails": ("fails", "fail")}  # one claim, several claims


@dataclass(frozen=True)
class Share:
    """One verdict's part of a bar: how many claims have it, and how many stand before it."""

    verdict: Verdict
    n: int
    start: int

    @property
    def words(self) -> str:
        """Return `3 hold`, `1 fails`, `2 undecided`."""
        return f"{self.n} {WORDS.get(self.verdict, (self.verdict,) * 2)[self.n != 1]}"


@dataclass(frozen=True)
class Bar:
    """The verdicts of some claims, in the order of the bar, without those that none has."""

    shares: tuple[Share, ...]

    @property
    def total(self) -> int:
        """Return the number of claims."""
        return sum(share.n for share in self.shares)

    @property
    def words(self) -> str:
        """Return every share in words: `3 hold, 1 undecided, 1 fails`."""
        return ", ".join(share.words for share in self.shares)


def bar(claims: Iterable[Claim]) -> Bar:
    """Return the bar of some claims."""
    counts = Counter(claim.verdict for claim in claims)
    shares, start = [], 0
    for verdict in ORDER:
        if counts[verdict]:
            shares.append(Share(verdict, counts[verdict], start))
            start += counts[verdict]
    return Bar(tuple(shares))
