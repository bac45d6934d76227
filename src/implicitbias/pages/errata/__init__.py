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

Galanti, Siegel, Gupte, Poggio (2025), SGD with Weight Decay Secretly Minimizes the Ranks of Your
Neural Networks, CPAL 2025, PMLR 280. To run its figures again one needs its settings exactly, and
in some places the captions or the text and the plotted numbers do not agree. The list says where,
with the evidence, for those who want to repeat or to cite single numbers. It is not a list of wrong
results: nothing below touches a proof, and the trends of the figures that we have run are those
that the paper reports. Most could be seen only because the authors published their code, their log
of 3,933 runs, and figures as vector graphics. Should a reading of ours be mistaken, please tell us.

The tolerance at which each figure's ranks were counted, all in units of the Frobenius norm (item
{norm}):

| figures | printed | the numbers are those at | evidence |
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
     "the plateaus are ResNet-18's full average rank, 227.47 (226.0 on FashionMNIST, whose first"
     " kernels see one channel), which an untrained network keeps up to about 0.02"),
    ("4, 13", "1e-3", "0.05", "Rank tolerance in figures 4 and 13"),
    ("6", "none", "1e-3",
     "the curve begins at 6236, the mean of 3072 and about 9380, as random matrices of its shapes"),
    ("7, 8, 9", "1e-3", "0.03", "Rank tolerance in figures 7, 8 and 9"),
    ("10, 11", "1e-3", "about 0.03", "Rank tolerance in figures 10 and 11"),
    ("12", "1e-3", "more than figure 3's", "Labels in figure 12"),
    ("16", "1e-3", "0.05", "Rank tolerance in figure 16"),
)  # fmt: skip

ITEMS = (
    Item("Rank tolerance in figures 7, 8 and 9", "tolerance 1e-3 (section 4.1, captions).",
         "tolerance 0.03.", tolerances),
    Item("Norm of the rank", "W is divided by its spectral norm (section 4.1).",
         "it is divided by its Frobenius norm.",
         _said("the authors' code (analysis_rank.py) does so; the squared singular values plotted"
               " in figures 18 and 19 sum to 1.00 in every panel (read off the vector graphics);"
               " and none of 13 tolerances in the spectral norm comes as near as 0.03 in the"
               " Frobenius norm (item 1).")),
    Item("Rank tolerance in figures 4 and 13", "tolerance 1e-3 (captions).", "tolerance 0.05.",
         untrained),
    Item("Rank tolerance in figure 16", "tolerance 1e-3 (caption).", "tolerance 0.05.", mixed),
    Item("Weight decay in figure 9", "lambda = 5e-4 (caption).",
         "4e-4, at least at learning rate 0.1.",
         lambda p: f"{same_points(p)} The authors' log has runs of this network at learning rates"
         " 0.01 and 0.5 at 4e-4 and none at 5e-4."),
    Item("Momentum in figure 7", "momentum 0.9 (caption).", "none.",
         lambda p: "its points at decay 4e-4 are those of figure 9, which has none (item 5), and"
         f" the authors' log has no run of this network with momentum. Also {fidelity(p)}"),
    Item("Decay of the learning rate, and lambda against 2 lambda",
         "a decreasing learning rate of 0.1 (section 4.1); the loss has lambda ||W||^2, so that a"
         " step multiplies W by 1 - 2 mu lambda.",
         "the rate is multiplied by 0.2 at epochs 60, 100 and 200, and W by 1 - mu lambda.",
         plateaus),
    Item("Norm ratio in figure 5", "||W_{T-1}||/||W_T|| converges to 1.",
         "the ratio drawn is that of norms ten epochs apart. At learning rates 0.01 and 0.1 it ends"
         " at the factor of pure weight decay, where the ratio of successive norms tends to"
         " 1/(1 - mu lambda) and not to 1, as the theorem assumes.",
         _said("the last two numbers of item 7, and its first line.")),
    Item("Data augmentation", "random crops, flips and rotations (section 4.1).", "none.",
         _said("all 3,933 runs of the authors' log have rnd_aug = False; training accuracies of"
               " nearly 1 beside test accuracies of about 0.5 (MLP) and 0.88 (ResNet-18) fit that;"
               " and our networks, which have none, give the published accuracies (item 6).")),
    Item("Activation in figures 1 and 2", "ReLU.", "leaky ReLU.",
         _said("the runs of these figures in the authors' log have activation = leaky_relu (slope"
               " 0.01 in their code).")),
    Item("Bounds in figure 6", "the theorem's bound, for eps 0.3, 0.5 and 0.7.",
         "log(1/eps) stands where the theorem has log(2/eps), and the weight decay of the"
         " optimiser where it has lambda, which is half of that.", bounds),
    Item("Labels in figure 12", "four panels: ranks at B = 4 and 8, accuracies at B = 16 and 32.",
         "the accuracies are those of B = 4 and 8.",
         _said("the accuracies under the ranks of B = 8 are those of figure 3 at B = 8, to about"
               " 1e-4 (read off the vector graphics), and the networks of rank 0 above have"
               " accuracy 0.1 below. The average ranks of these two figures differ at B = 8 and"
               " lambda = 1e-4 (185.4 and 207.3) though the accuracies are the same: their"
               " tolerances cannot both be 1e-3.")),
    Item("Points of rank 0", "drawn as the others are.",
         "networks that collapsed: no trained network of rank 0.", collapsed),
    Item("Epochs", "ranks after every epoch, up to 500.",
         "every tenth epoch, each labelled ten later than it was taken: 10 is the untrained"
         " network, 500 the state after 490.",
         _said("the authors' code measures when epoch % 10 == 1, before that epoch is trained, and"
               " plots at 10, 20, ...; figure 6 begins at the untrained network's rank. Our"
               " comparisons with published points are made after 490 epochs.")),
    Item("Rank tolerance in figures 10 and 11", "tolerance 1e-3 (captions).",
         "not 1e-3; which it is depends on which six matrices are averaged, which is not said.",
         transformer),
    Item("Rank in figure 10", "a phase in which the rank falls, then a stable one.",
         "at learning rate 0.04 the rank falls at once and then rises to the end, where batches are"
         " small.", rising),
)  # fmt: skip
