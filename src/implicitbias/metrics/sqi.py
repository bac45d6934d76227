"""Under symmetric quasi-interpolation every example misses its target by one eps, spread evenly.

In one-hot units f_c = 1 - eps on the example's class and eps / (C - 1) on each other one. Centred
targets (one-hot - 1/C) and a scalar head (+-1) are brought to these units when recorded: outputs
+ 1/C, and (1 +- g)/2, of which the second has f_1 + f_2 = 1 by construction.
Recorded, by class of the example (rows) and output (columns): output_mean, and output_misfit, the
mean square of the output minus its one-hot target.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._collapse import array, ratio
from ._registry import network_metric

_NEEDS = ("output_mean", "output_misfit", "class_counts")


@network_metric(of=("output_mean", "class_counts"))
def sqi_on_target(output_mean: ArrayLike, class_counts: ArrayLike) -> NDArray[np.float64]:
    """Return the mean over examples of eps_n = 1 - f_{y_n}, from (..., C, C), (..., C) to (...).

    NaN for a diverged run.
    Source: Xu, Rangamani, Liao, Galanti, Poggio (2023), Research 6:0024.
    """
    on, _ = _means(array(output_mean), array(class_counts))
    return np.asarray(1 - on)


@network_metric(of=("output_mean", "class_counts"))
def sqi_off_target(output_mean: ArrayLike, class_counts: ArrayLike) -> NDArray[np.float64]:
    """Return (C - 1) x the mean over examples and other classes of f_c.

    Under SQI it equals `sqi_on_target`. From (..., C, C), (..., C) to (...). NaN for a diverged
    run.
    Source: Xu, Rangamani, Liao, Galanti, Poggio (2023), Research 6:0024.
    """
    mean = array(output_mean)
    _, off = _means(mean, array(class_counts))
    return np.asarray((mean.shape[-1] - 1) * off)


@network_metric(of=_NEEDS)
def sqi_spread_on(
    output_mean: ArrayLike, output_misfit: ArrayLike, class_counts: ArrayLike
) -> NDArray[np.float64]:
    """Return std_n(eps_n) / |mean_n eps_n|, eps_n = 1 - f_{y_n}, (...) in [0, inf).

    It is 0 under SQI. From (..., C, C), (..., C, C), (..., C). NaN for a diverged run or a mean of
    0.
    Source: the code published with Rangamani et al. (2023), ICML, which plots it.
    """
    counts = array(class_counts)
    on, _ = _means(array(output_mean), counts)
    square, _ = _means(array(output_misfit), counts)
    return _spread(1 - on, square)


@network_metric(of=_NEEDS)
def sqi_spread_off(
    output_mean: ArrayLike, output_misfit: ArrayLike, class_counts: ArrayLike
) -> NDArray[np.float64]:
    """Return std / |mean| of f_c over examples and the classes c that are not theirs.

    It is 0 under SQI. From (..., C, C), (..., C, C), (..., C) to (...) in [0, inf). NaN for a
    diverged run or a mean of 0.
    Source: the code published with Rangamani et al. (2023), ICML, which plots it.
    """
    counts = array(class_counts)
    _, off = _means(array(output_mean), counts)
    _, square = _means(array(output_misfit), counts)
    return _spread(off, square)


def _means(
    table: NDArray[np.float64], counts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the means over examples of the own output and of the others' outputs."""
    share = counts / counts.sum(axis=-1, keepdims=True)
    on = (share * np.diagonal(table, axis1=-2, axis2=-1)).sum(axis=-1)
    whole = (share * table.sum(axis=-1)).sum(axis=-1)
    return on, np.asarray((whole - on) / (table.shape[-1] - 1))


def _spread(mean: NDArray[np.float64], square: NDArray[np.float64]) -> NDArray[np.float64]:
    return ratio(np.sqrt((square - np.square(mean)).clip(min=0)), np.abs(mean))
