"""NC3 is self-duality: the last layer aligns with the class means, centred or not."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._collapse import array, centred, ratio, trace
from ._registry import network_metric


@network_metric(of=("head_gram", "head_means", "class_gram"))
def nc3(head_gram: ArrayLike, head_means: ArrayLike, class_gram: ArrayLike) -> NDArray[np.float64]:
    """Return ||W^T/||W||_F - M~/||M~||_F||_F^2, M~ the centred class means (D, C); (...) in [0, 4].

    It is 2 - 2 tr(W M~) / (||W||_F ||M~||_F). From three stacks (..., C, C). NaN for a diverged
    run, W = 0 or coinciding means.
    Source: Papyan, Han, Donoho (2020), PNAS 117(40).
    """
    means = array(head_means)
    aligned = means - means.mean(axis=-1, keepdims=True)
    return _distance(head_gram, aligned, centred(class_gram))


@network_metric(of=("head_gram", "head_means", "class_gram"))
def nc3_uncentred(
    head_gram: ArrayLike, head_means: ArrayLike, class_gram: ArrayLike
) -> NDArray[np.float64]:
    """Return ||W^T/||W||_F - M/||M||_F||_F^2, M the class means as they are; (...) in [0, 4].

    From three stacks (..., C, C). NaN for a diverged run, W = 0 or M = 0.
    Source: `nc3` without its centring.
    """
    return _distance(head_gram, head_means, class_gram)


def _distance(head_gram: ArrayLike, aligned: ArrayLike, gram: ArrayLike) -> NDArray[np.float64]:
    cosine = ratio(trace(aligned), np.sqrt(trace(head_gram) * trace(gram)))
    return np.asarray((2 - 2 * cosine).clip(min=0), dtype=np.float64)  # round-off goes below 0
