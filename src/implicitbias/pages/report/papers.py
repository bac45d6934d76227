"""Figures stand in the order of the page: by paper, by number, experiments last."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...analysis.claims import HEADLINE, Claim
from .figure import Figure
from .verdicts import Bar, bar

# Papers in the order of the page, each with the claim that stands for it on the first screen.
LEADS = {
    "galanti2025rank": ("fig08", "rank-falls-with-decay"),
    "xu2023dynamics": ("exp_equilibrium", "sgd-at-equilibrium"),
    "galanti2022noise": ("exp_noise", "floor-cross-entropy"),
    "chou2024weightnorm": ("exp_convergence", "error-halved-c-5"),
    "dinh2020rvsm": ("exp_basin", "with-high-probability"),
}


@dataclass(frozen=True)
class Paper:
    """A paper with its key, its title if its folder says one, and its figures."""

    key: str
    title: str
    figures: list[Figure]

    @property
    def claims(self) -> list[Claim]:
        """Return every claim of the paper's figures."""
        return [claim for figure in self.figures for claim in figure.claims or ()]

    @property
    def bar(self) -> Bar:
        """Return the verdicts of the claims that a headline counts."""
        return bar(claim for claim in self.claims if claim.kind in HEADLINE)

    @property
    def authors(self) -> str:
        """Return authors and year, as the title begins; all of it where no year says where."""
        return self._halves[0]

    @property
    def work(self) -> str:
        """Return the title without authors and year; "" where it has none."""
        return self._halves[1]

    @property
    def _halves(self) -> tuple[str, str]:
        for pattern in (r"(.*?\(\d{4}\))[.,]? ?(.*)", r"(.*?\w), (\w+ .*)"):
            if match := re.fullmatch(pattern, self.title.rstrip(".")):
                return match[1], match[2]
        return self.title.rstrip(".") or self.key, ""

    @property
    def lead(self) -> Claim | None:
        """Return the claim for the first screen: the chosen one, else the first of the paper."""
        name, wanted = LEADS.get(self.key, ("", ""))
        key = f"{self.key}/{name}"
        chosen = [c for c in self.claims if c.figure == key and c.id == wanted]
        decided = [c for c in self.claims if c.kind == "paper" and c.decided]
        return next(iter([*chosen, *decided, *self.claims]), None)


def by_paper(figures: list[Figure]) -> list[Paper]:
    """Return papers in the order of the page: that of the config does not matter."""
    papers: dict[str, list[Figure]] = {}
    for figure in sorted(figures, key=_order):
        papers.setdefault(figure.paper, []).append(figure)
    known = list(LEADS)
    order = sorted(papers, key=lambda key: (known.index(key) if key in known else len(known), key))
    return [Paper(key, papers[key][0].paper_title, papers[key]) for key in order]


def _order(figure: Figure) -> tuple[str, bool, list[tuple[int, str]]]:
    """Return the key that sorts `fig9` before `fig10`, and numbers before `exp_<word>`."""
    parts = re.findall(r"(\d+)|(\D+)", figure.name)
    natural = [(int(digits or 0), word) for digits, word in parts]
    return figure.paper, not figure.name.startswith("fig"), natural
