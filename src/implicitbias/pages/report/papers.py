"""Figures stand in the order of the page: by paper, by number, experiments last."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...analysis.claims import HEADLINE, Claim
from .figure import Figure
from .verdicts import Bar, bar
from .words import capital

# Papers in the order of the page, each with the claim that stands for it on the first screen, and
# what it says to somebody who does not know the paper's symbols.
LEADS = {
    "galanti2025rank": (
        "fig08", "rank-falls-with-decay",
        "The average rank of the weight matrices falls as weight decay grows",
    ),
    "xu2023dynamics": (
        "exp_equilibrium", "sgd-at-equilibrium",
        "Under the square loss with normalised layers, SGD ends with ρ, the product of the layers'"
        " norms, within 5% of the theory's equilibrium",
    ),
    "galanti2022noise": (
        "exp_noise", "floor-cross-entropy",
        "With weight decay and mini-batches the steps of SGD late in training stay at least half as"
        " large as midway (cross-entropy)",
    ),
    "chou2024weightnorm": (
        "exp_convergence", "error-halved-c-5",
        "With weight normalisation (rate ratio c = 5), gradient descent recovers a sparse vector"
        " with at most half the error that it has without",
    ),
    "dinh2020rvsm": (
        "exp_basin", "with-high-probability",
        "From a random start, relaxed variable splitting reaches a thresholded copy of the true"
        " weight with probability at least 0.95",
    ),
}  # fmt: skip


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
        decided = [c for c in self.claims if c.kind == "paper" and c.decided]
        return next(iter([*self._chosen, *decided, *self.claims]), None)

    @property
    def says(self) -> str:
        """Return the sentence of the first screen."""
        plain = LEADS[self.key][2] if self._chosen else ""
        return plain or (capital(self.lead.claim) if self.lead else "")

    @property
    def _chosen(self) -> list[Claim]:
        name, wanted, _ = LEADS.get(self.key, ("", "", ""))
        key = f"{self.key}/{name}"
        return [c for c in self.claims if c.figure == key and c.id == wanted]


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
