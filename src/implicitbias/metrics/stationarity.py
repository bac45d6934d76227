"""Stationarity says how far the examples are from being stationary one by one, on average."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._collapse import array
from ._registry import layer_metric


@layer_metric(of="sample_residual")
def stationarity_residual(residual: ArrayLike) -> NDArray[np.float64]:
    """Return the mean over n of ||f_n V_k - df_n/dV_k||_F, from (..., n) to (...).

    ||V_k||_F = 1; in [0, inf). f_n: margin of the network with every layer at norm 1. NaN for a
    diverged run.
    Source: Xu, Rangamani, Liao, Galanti, Poggio (2023), Research 6:0024, Lemma 8: 0
    for all n is what a stationary point of every mini-batch would need.
    """
    return np.asarray(array(residual).mean(axis=-1))


@layer_metric(of="sample_sine")
def stationarity_sine(sine: ArrayLike) -> NDArray[np.float64]:
    """Return the mean over n of ||f_n V_k - df_n/dV_k||_F / ||df_n/dV_k||_F, (...).

    From (..., n). In [0, 1]: the sine of the angle between the layer and an example's gradient. NaN
    for a diverged run, and where a gradient is 0.
    Source: `stationarity_residual`, made scale free.
    """
    return np.asarray(array(sine).mean(axis=-1))
