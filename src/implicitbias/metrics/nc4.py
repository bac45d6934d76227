"""NC4: the network's decision becomes the decision of the nearest class mean."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._collapse import array, ratio, trace
from ._registry import network_metric


@network_metric(of=("ncc_table",))
def nc4(ncc_table: ArrayLike) -> NDArray[np.float64]:
    """Return the share of examples whose largest output is not the nearest class mean's, in [0, 1].

    ncc_table (..., C, C): examples by largest output (rows) and by the nearest class mean
    (columns), Euclidean, uncentred features. NaN for a diverged run.
    Source: Papyan, Han, Donoho (2020), PNAS 117(40).
    """
    table = array(ncc_table)
    total = table.sum(axis=(-2, -1))
    return ratio(total - trace(table), total)
