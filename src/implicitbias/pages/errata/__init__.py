"""docs/errata.md says where a paper's captions and its own numbers differ, with the evidence.

Evidence that rests on numbers in this project is computed when the page is written: published
points from src/implicitbias/analysis/points, our runs at the paper's protocol from
results/published, untrained networks drawn on the spot. What was read in the authors' code, log or
vector graphics is said to be so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .evidence import (
    bounds,
    collapsed,
    fidelity,
    mixed,
    plateaus,
    rising,
    same_points,
    tolerances,
    transformer,
    untrained,
)

_PAGE = """# What the captions say and what the numbers show

<!-- Written by `python -m implicitbias errata`; not edited by hand. -->

This page is about Galanti, Siegel, Gupte, Poggio (2025), SGD with Weight Decay Secretly Minimizes
the Ranks of Your Neural Networks, CPAL 2025
([PMLR 280](https://proceedings.mlr.press/v280/galanti25a.html)). Whoever makes its figures again
needs its exact settings, and in some places the captions or the text disagree with the plotted
numbers. This list names these places and gives the evidence, for readers who want to repeat the
runs or to cite single numbers. It is not a list of wrong results: no item concerns a proof, and the
figures that we have run show the trends that the paper reports. Most items could be noticed only
because the authors published their code, their log of 3,933 runs, and figures as vector graphics.
If you think that we have misread something, please open an issue with the form *A figure that
differs*.

The table shows the tolerance at which the ranks of each figure were counted, always in units of the
Frobenius norm (item {norm}):

| figures | printed tolerance | tolerance of the numbers | evidence |
| --- | --- | --- | --- |
{tolerances}

{items}"""


@dataclass(frozen=True)
class Item:
    """A place where a caption and its paper's numbers differ, with what shows it."""

    title: str
    printed: str
    numbers: str
    evidence: Callable[[Path], str]


def page(published: Path) -> str:
    """Return the page from the reference points and the figures and claims under `published`."""
    parts = [
        f"## {i}. {item.title}\n\n- Printed: {item.printed}\n- Numbers: {item.numbers}\n"
        f"- Evidence: {item.evidence(published)}\n"
        for i, item in enumerate(ITEMS, start=1)
    ]
    number = {item.title: i for i, item in enumerate(ITEMS, start=1)}
    rows = [
        f"| {figures} | {printed} | {numbers} | {f'item {number[how]}' if how in number else how} |"
        for figures, printed, numbers, how in TOLERANCES
    ]
    return _PAGE.format(
        items="\n".join(parts), tolerances="\n".join(rows), norm=number["Norm of the rank"]
    )


def _said(text: str) -> Callable[[Path], str]:
    return lambda _: text


TOLERANCES = (  # figures, printed, what reproduces the numbers, evidence: a sentence or an item
    ("1, 2, 3, 14, 15", "1e-3", "1e-3, or up to 0.02",
     "the plateaus equal ResNet-18's full average rank, 227.47 (226.0 on FashionMNIST, whose images"
     " have one channel), which an untrained network keeps up to a tolerance of about 0.02"),
    ("4, 13", "1e-3", "0.05", "Rank tolerance in figures 4 and 13"),
    ("6", "none", "1e-3",
     "the curve begins at 6236, the mean of 3072 and about 9380, which are the ranks of random"
     " matrices of its shapes"),
    ("7, 8, 9", "1e-3", "0.03", "Rank tolerance in figures 7, 8 and 9"),
    ("10, 11", "1e-3", "about 0.03", "Rank tolerance in figures 10 and 11"),
    ("12", "1e-3", "larger than in figure 3", "Labels in figure 12"),
    ("16", "1e-3", "0.05", "Rank tolerance in figure 16"),
)  # fmt: skip

ITEMS = (
    Item("Rank tolerance in figures 7, 8 and 9", "tolerance 1e-3 (section 4.1, captions).",
         "tolerance 0.03.", tolerances),
    Item("Norm of the rank", "W is divided by its spectral norm (section 4.1).",
         "W is divided by its Frobenius norm.",
         _said("the authors' code (analysis_rank.py) divides by the Frobenius norm. The squared"
               " singular values plotted in figures 18 and 19 sum to 1.00 in every panel (read off"
               " the vector graphics). None of 13 tolerances in the spectral norm comes as near to"
               " the numbers as 0.03 in the Frobenius norm (item 1).")),
    Item("Rank tolerance in figures 4 and 13", "tolerance 1e-3 (captions).", "tolerance 0.05.",
         untrained),
    Item("Rank tolerance in figure 16", "tolerance 1e-3 (caption).", "tolerance 0.05.", mixed),
    Item("Weight decay in figure 9", "λ = 5e-4 (caption).",
         "4e-4, at least at learning rate 0.1.",
         lambda p: f"{same_points(p)} The authors' log has runs of this network with decay 4e-4 at"
         " learning rates 0.01 and 0.5, and none with decay 5e-4."),
    Item("Momentum in figure 7", "momentum 0.9 (caption).", "no momentum.",
         lambda p: "the points of figure 7 at decay 4e-4 equal those of figure 9, which has no"
         " momentum (item 5), and the authors' log has no run of this network with momentum."
         f" Moreover, {fidelity(p)}"),
    Item("Decay of the learning rate, and λ against 2λ",
         "a decreasing learning rate of 0.1 (section 4.1); the loss has λ‖W‖², so that a step"
         " multiplies W by 1 − 2μλ.",
         "the rate is multiplied by 0.2 at epochs 60, 100 and 200, and a step multiplies W by"
         " 1 − μλ.",
         plateaus),
    Item("Norm ratio in figure 5", "‖W<sub>T−1</sub>‖/‖W<sub>T</sub>‖ converges to 1.",
         "the figure draws the ratio of norms that are ten epochs apart. At learning rates 0.01 and"
         " 0.1 this ratio ends at the factor of pure weight decay, at which the ratio of successive"
         " norms tends to 1/(1 − μλ), and not to 1 as the theorem assumes.",
         _said("the last two measured numbers of item 7, and the first line of its list.")),
    Item("Data augmentation", "random crops, flips and rotations (section 4.1).",
         "no augmentation.",
         _said("all 3,933 runs of the authors' log have rnd_aug = False. Training accuracies of"
               " nearly 1 beside test accuracies of about 0.5 (MLP) and 0.88 (ResNet-18) are"
               " consistent with that. Our networks are trained without augmentation and give the"
               " published accuracies (item 6).")),
    Item("Activation in figures 1 and 2", "ReLU.", "leaky ReLU.",
         _said("the runs of these figures in the authors' log have activation = leaky_relu (slope"
               " 0.01 in their code).")),
    Item("Bounds in figure 6", "the theorem's bound, for ε = 0.3, 0.5 and 0.7.",
         "the drawn bound has log(1/ε) in place of the theorem's log(2/ε), and the weight decay of"
         " the optimiser in place of λ, which is half of it.", bounds),
    Item("Labels in figure 12", "four panels: ranks at B = 4 and 8, accuracies at B = 16 and 32.",
         "the accuracies belong to B = 4 and 8.",
         _said("the accuracies under the ranks of B = 8 equal those of figure 3 at B = 8 to about"
               " 1e-4 (read off the vector graphics), and the networks of rank 0 in the upper"
               " panels have accuracy 0.1 in the lower ones. The average ranks of figures 3 and 12"
               " differ at B = 8 and λ = 1e-4 (185.4 and 207.3), although the accuracies are equal,"
               " so the tolerances of the two figures cannot both be 1e-3.")),
    Item("Points of rank 0", "these points are drawn like the others.",
         "these networks collapsed; no network that learnt has rank 0.", collapsed),
    Item("Epochs", "ranks after every epoch, up to 500.",
         "ranks at every tenth epoch, each labelled ten epochs later than it was measured: 10 is"
         " the untrained network, and 500 is the state after 490 epochs.",
         _said("the authors' code measures when epoch % 10 == 1, before that epoch is trained, and"
               " plots the result at 10, 20, ...; figure 6 begins at the rank of the untrained"
               " network. We compare with published points after 490 epochs.")),
    Item("Rank tolerance in figures 10 and 11", "tolerance 1e-3 (captions).",
         "not 1e-3. The tolerance that fits depends on which six matrices are averaged, and the"
         " paper does not say which.",
         transformer),
    Item("Rank in figure 10", "a phase in which the rank falls, then a stable phase.",
         "at learning rate 0.04 and small batch sizes, the rank falls at once and then rises until"
         " the end.", rising),
)  # fmt: skip
