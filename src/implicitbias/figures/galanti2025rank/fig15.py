"""Rank against learning rate on MNIST, Fashion-MNIST and Places365 (ResNet-18).

As in figure 14: final rank of layers 1, 4, 8 and 11 (counted from 0) and of the average over the 17
measured convolutions, and final accuracies below, at batch size 16 and weight decay 5e-4. The
paper's claim: on these data sets, too, the larger the learning rate, the lower the rank.

At scale `small` the 5,000 images of MNIST that come in a package stand in for MNIST, of which 500
are used for training; the runs are those of figure 1. Fashion-MNIST is drawn if it has been
fetched. No package carries Places365, of which the paper used 100,000 training images. It is not
known which ones, nor how they were resized and standardised; ours are a choice (see figure 14). A
panel says how to bring missing data. No published points are at hand. Dashed grey is ours. The runs
are scaled as in figure 2, with twice its weight decay, so that decay can lower ranks at this
tolerance.
"""

import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from . import _datasets

DATASETS = ("mnist", "fashion_mnist", "places365")
PAPER = {**_datasets.PAPER, "dataset": list(DATASETS)}


def claims(table: pd.DataFrame) -> list[Claim]:
    """Larger learning rates lower the rank on each data set."""
    return _datasets.claims(table, "15", DATASETS)


def draw(table: pd.DataFrame) -> Figure:
    """Draw panels, a column for each of the data sets, against learning rate, linear as in the
    paper.
    """
    return _datasets.draw(table, "15", DATASETS)
