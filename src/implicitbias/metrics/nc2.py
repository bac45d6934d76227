"""NC2 says that class means and the rows of the last layer go to equal norms and equal angles.

A simplex equiangular tight frame has equal norms and cosines -1/(C-1); uncentred means of
non-negative features may go to an orthogonal frame instead, cosines 0. See `_collapse` for C = 2.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._collapse import angle_deviation, centred, norm_variation, simplex_cosine
from ._registry import network_metric


@network_metric(of=("class_gram",))
def nc2_equinorm_features(class_gram: ArrayLike) -> NDArray[np.float64]:
    """Return std_c ||mu_c - mu_G|| / mean_c ||mu_c - mu_G||, (..., C, C) to (...).

    The standard deviation is unbiased. In [0, inf); 0 whatever the network for C = 2. NaN for a
    diverged run or coinciding means.
    Source: Papyan, Han, Donoho (2020), PNAS 117(40).
    """
    return norm_variation(centred(class_gram))


@network_metric(of=("class_gram",))
def nc2_equinorm_features_uncentred(class_gram: ArrayLike) -> NDArray[np.float64]:
    """Return std_c ||mu_c|| / mean_c ||mu_c||, (..., C, C) to (...).

    The standard deviation is unbiased. In [0, inf). NaN for a diverged run or features that are all
    0.
    Source: `nc2_equinorm_features` without its centring.
    """
    return norm_variation(class_gram)


@network_metric(of=("head_gram",))
def nc2_equinorm_weights(head_gram: ArrayLike) -> NDArray[np.float64]:
    """Return std_c ||w_c|| / mean_c ||w_c|| over the rows of W, (..., C, C) to (...).

    The standard deviation is unbiased. In [0, inf); 0 for a scalar head, whose rows are w and -w.
    NaN for a diverged run or W = 0.
    Source: Papyan, Han, Donoho (2020), PNAS 117(40).
    """
    return norm_variation(head_gram)


@network_metric(of=("class_gram",))
def nc2_equiangle_features(class_gram: ArrayLike) -> NDArray[np.float64]:
    """Return the mean over pairs of |cos(mu_c - mu_G, mu_c' - mu_G) + 1/(C-1)|.

    From (..., C, C) to (...). In [0, 2]; 0 whatever the network for C = 2. NaN for a diverged run
    or a mean at mu_G.
    Source: Papyan, Han, Donoho (2020), PNAS 117(40).
    """
    return angle_deviation(centred(class_gram), simplex_cosine(class_gram))


@network_metric(of=("class_gram",))
def nc2_equiangle_features_uncentred(class_gram: ArrayLike) -> NDArray[np.float64]:
    """Return the mean over pairs of |cos(mu_c, mu_c')|, (...) in [0, 1].

    It is the distance from an orthogonal frame. From (..., C, C). NaN for a diverged run or a mean
    at 0.
    Source: `nc2_equiangle_features` without its centring, against cosine 0.
    """
    return angle_deviation(class_gram, 0.0)


@network_metric(of=("head_gram",))
def nc2_equiangle_weights(head_gram: ArrayLike) -> NDArray[np.float64]:
    """Return the mean over pairs of |cos(w_c, w_c') + 1/(C-1)| over the rows of W.

    From (..., C, C) to (...). In [0, 2]; 0 for a scalar head, whose rows are w and -w. NaN for a
    diverged run or a zero row.
    Source: Papyan, Han, Donoho (2020), PNAS 117(40).
    """
    return angle_deviation(head_gram, simplex_cosine(head_gram))


@network_metric(of=("head_gram",))
def nc2_equiangle_weights_orthogonal(head_gram: ArrayLike) -> NDArray[np.float64]:
    """Return the mean over pairs of rows of W of |cos(w_c, w_c')|.

    It is the distance from an orthogonal frame, (...) in [0, 1]. From (..., C, C). NaN for a
    diverged run or a zero row.
    Source: `nc2_equiangle_weights` against cosine 0.
    """
    return angle_deviation(head_gram, 0.0)
