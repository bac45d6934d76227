"""Thresholding operators against brute-force minimisation of their defining problem."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from implicitbias.train.sparse import thresholds

GRID = np.linspace(-4, 4, 80_001)


def objective(penalty, s, w, mu, a):
    return mu * thresholds.value(penalty, s[:, None], a) + (s - w) ** 2 / 2


@settings(max_examples=120, deadline=None)
@given(
    penalty=st.sampled_from(["l1", "l0", "tl1"]), w=st.floats(-3, 3), tau=st.floats(0.01, 2),
    a=st.sampled_from([0.1, 0.5, 1.0, 5.0, 100.0]),
)  # fmt: skip
def test_no_grid_point_is_better(penalty, w, tau, a):
    mu = float(thresholds.weight_of(penalty, tau, a))
    ours = thresholds.threshold(penalty, np.array([w]), tau, a)
    best = objective(penalty, GRID, w, mu, a).min()
    assert objective(penalty, ours, w, mu, a)[0] <= best + 1e-12


@pytest.mark.parametrize("penalty", ["l1", "l0", "tl1"])
@pytest.mark.parametrize("tau", [0.02, 0.3, 1.5])
def test_the_cutoff_is_where_brute_force_leaves_zero(penalty, tau):
    mu = float(thresholds.weight_of(penalty, tau, 1.0))
    for w, kept in ((tau * 0.98, False), (tau * 1.02, True)):
        best = GRID[objective(penalty, GRID, w, mu, 1.0).argmin()]
        assert (abs(best) > 1e-3 * tau) == kept
        assert (thresholds.threshold(penalty, np.array([w]), tau, 1.0)[0] != 0) == kept


@settings(max_examples=60, deadline=None)
@given(t=st.floats(0.05, 3), mu=st.floats(0.001, 1), a=st.sampled_from([0.1, 1.0, 10.0]))
def test_the_root_of_transformed_l1_is_the_largest(t, mu, a):
    size = t + mu * a * (a + 1) / (a + t) ** 2
    found = thresholds.tl1_root(*np.array([size, mu, a]))
    roots = np.roots([1, 2 * a - size, a * a - 2 * a * size, mu * a * (a + 1) - size * a * a])
    real = roots[np.abs(roots.imag) < 1e-6].real
    assert found == pytest.approx(real.max(), abs=1e-5)  # a double root has half the digits


def test_none_is_the_identity_and_unknown_is_an_error():
    w = np.array([-1.0, 0.0, 0.3])
    assert np.array_equal(thresholds.threshold("none", w, 0.5), w)
    with pytest.raises(ValueError, match="no penalty"):
        thresholds.weight_of("l2", 0.1)
