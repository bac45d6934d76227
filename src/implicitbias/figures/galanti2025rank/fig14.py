"""Rank against learning rate on SVHN, Food-101 and Imagenette (ResNet-18).

Final rank of layers 1, 4, 8 and 11 (counted from 0) and of the average over the 17 measured
convolutions, and final accuracies below, at batch size 16 and weight decay 5e-4. The paper's claim:
on these data sets, too, the larger the learning rate, the lower the rank. Its caption names SVHN
twice.

No package carries these data sets. Where a user has not placed the publisher's files in the data
folder, a panel says how to bring them, and shows the published points. Food-101 and Imagenette
images are resized as a whole to 32x32 and standardised with ImageNet's statistics. This is our
choice, because the paper's preprocessing is not known. Dashed grey is ours: the same runs without
weight decay. The runs are scaled as in figure 2, with twice its weight decay, 500 training images
of SVHN and 2,000 of the others.
"""

import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from . import _datasets

DATASETS = ("svhn", "food101", "imagenette")
PAPER = {**_datasets.PAPER, "dataset": list(DATASETS)}


def claims(table: pd.DataFrame) -> list[Claim]:
    """Larger learning rates lower the rank on each data set."""
    return _datasets.claims(table, "14", DATASETS)


def draw(table: pd.DataFrame) -> Figure:
    """Draw panels, a column for each of the data sets, against learning rate, linear as in the
    paper.
    """
    return _datasets.draw(table, "14", DATASETS)
