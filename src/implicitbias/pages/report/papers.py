"""Figures stand in the order of the page: by paper, by number, experiments last."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...analysis.claims import VERDICTS
from .figure import Figure

ORDER = (*VERDICTS, "no claims", "not made")  # of what a figure comes to


@dataclass(frozen=True)
class Paper:
    """A paper with its key, its title if its folder says one, and its figures."""

    key: str
    title: str
    figures: list[Figure]

    @property
    def worst_first(self) -> list[Figure]:
        """Return the figures by their worst verdict, `fails` first, and then in order."""
        return sorted(self.figures, key=lambda figure: ORDER.index(figure.verdict))


def by_paper(figures: list[Figure]) -> list[Paper]:
    """Return papers by key: the order of the config does not matter."""
    papers: dict[str, list[Figure]] = {}
    for figure in sorted(figures, key=_order):
        papers.setdefault(figure.paper, []).append(figure)
    return [Paper(key, members[0].paper_title, members) for key, members in papers.items()]


def _order(figure: Figure) -> tuple[str, bool, list[tuple[int, str]]]:
    """Return the key that sorts `fig9` before `fig10`, and numbers before `exp_<word>`."""
    parts = re.findall(r"(\d+)|(\D+)", figure.name)
    natural = [(int(digits or 0), word) for digits, word in parts]
    return figure.paper, not figure.name.startswith("fig"), natural
