"""Two result folders are compared side by side.

They may be two scales, two commits, ours and the published runs.

Nothing is asked of the plan, so the folders may come from other configs and other versions of the
code: claims are matched by figure and id, plotted numbers by panel, series and x.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ...analysis.claims import LEAST, VERDICTS, Claim
from ...base.errors import UserError
from ...base.files import write_text
from . import environment, script, style
from .facts import Facts, facts_in
from .figure import claims_of, heading
from .numbers import Numbers, beside
from .picture import Inline, alternative, inline

ABSENT = "not there"
OUTCOMES = {  # of a claim, in the order of the page: a heading and what it says of both sides
    "differs": "Decided in both, and different",
    "decided in A": "Decided in A; in B too few seeds, undecided or not tested",
    "decided in B": "Decided in B; in A too few seeds, undecided or not tested",
    "open": "Decided in neither, for different reasons",
    "only in A": "Made in A only",
    "only in B": "Made in B only",
    "same": "The same verdict in both",
}
_ORDER = (*VERDICTS, ABSENT)


@dataclass(frozen=True)
class Side:
    """A folder of results: its given name, what trained it, and its claims by figure."""

    name: str
    root: Path
    facts: Facts
    claims: dict[str, list[Claim]]

    @property
    def figures(self) -> set[str]:
        """Return every figure that has a picture or claims."""
        files = [*self.root.glob("figures/*/*.svg"), *self.root.glob("figures/*/*.png")]
        return {f"{path.parent.name}/{path.stem}" for path in files} | {*self.claims}


@dataclass(frozen=True)
class Pair:
    """A claim on both sides; None where a side does not make it."""

    figure: str
    id: str
    a: Claim | None
    b: Claim | None

    @property
    def claim(self) -> str:
        """Return the claim's sentence: that of a where both sides make the claim."""
        return next(side.claim for side in (self.a, self.b) if side)

    @property
    def verdicts(self) -> tuple[str, str]:
        """Return the verdicts of both sides."""
        return (self.a.verdict if self.a else ABSENT), (self.b.verdict if self.b else ABSENT)

    @property
    def outcome(self) -> str:
        """Return the key of OUTCOMES that says how the verdicts of both sides compare."""
        if self.a is None or self.b is None:
            return "only in B" if self.a is None else "only in A"
        if self.a.verdict == self.b.verdict:
            return "same"
        decided = (self.a.decided, self.b.decided)
        return {
            (True, True): "differs", (True, False): "decided in A",
            (False, True): "decided in B", (False, False): "open",
        }[decided]  # fmt: skip


@dataclass(frozen=True)
class Figures:
    """A figure that at least one of the sides has."""

    key: str
    title: str
    alt: str
    pictures: tuple[Inline | None, Inline | None]
    numbers: Numbers | None

    @property
    def anchor(self) -> str:
        """Return the figure's id on the page."""
        return self.key.replace("/", "--")


def compare(a: Path, b: Path, out: Path) -> None:
    """Write the page of two result folders to `out`, whole or not at all."""
    left, right = read_side(a), read_side(b)
    pairs = match(left.claims, right.claims)
    page = environment().get_template("compare.html")
    text = page.render(
        css=style(),
        policy=script.policy(()),
        sides=(left, right),
        pairs=pairs,
        groups=[(o, OUTCOMES[o], [p for p in pairs if p.outcome == o]) for o in OUTCOMES],
        opened=("differs", "decided in A", "decided in B", "open"),
        least=LEAST,
        counts=Counter(pair.verdicts for pair in pairs),
        verdicts=_ORDER,
        figures=[_figures(key, left, right) for key in sorted(left.figures | right.figures)],
    )
    write_text(out, text)


def read_side(folder: Path) -> Side:
    """Return what is in a results folder; UserError where there is nothing to compare."""
    if not any((folder / part).is_dir() for part in ("claims", "figures")):
        raise UserError(f"{folder}: no results here: it has neither claims/ nor figures/")
    keys = sorted(f"{p.parent.name}/{p.stem}" for p in folder.glob("claims/*/*.json"))
    claims = {key: claims_of(folder, key) or [] for key in keys}
    return Side(str(folder), folder, facts_in(folder), claims)


def match(a: dict[str, list[Claim]], b: dict[str, list[Claim]]) -> list[Pair]:
    """Return every claim of either side once, by outcome, `fails` before the rest."""
    ours, theirs = (
        {(figure, claim.id): claim for figure, members in side.items() for claim in members}
        for side in (a, b)
    )
    pairs = [Pair(*key, ours.get(key), theirs.get(key)) for key in dict.fromkeys([*ours, *theirs])]
    return sorted(pairs, key=_place)


def _place(pair: Pair) -> tuple[int, int, str]:
    worst = min(_ORDER.index(verdict) for verdict in pair.verdicts)
    return list(OUTCOMES).index(pair.outcome), worst, pair.figure


def _figures(key: str, a: Side, b: Side) -> Figures:
    title = heading(key)
    files = [side.root / "figures" / f"{key}.csv" for side in (a, b)]
    return Figures(
        key=key,
        title=title,
        alt=alternative(title, next((path for path in files if path.exists()), files[0])),
        pictures=(inline(a.root, key), inline(b.root, key)),
        numbers=beside(*files) if all(path.exists() for path in files) else None,
    )
