"""Ranks of arrays themselves, against numpy's decomposition and the Eckart-Young theorem."""

import numpy as np
import pytest
import torch

from implicitbias import metrics
from implicitbias.metrics._matrix import singular_values


def with_spectrum(shape, s):
    rng = np.random.default_rng(0)
    u, _, vt = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
    return (u * s) @ vt


@pytest.mark.parametrize("shape", [(30, 30), (10, 90), (90, 10), (20, 41), (1, 7)])
@pytest.mark.parametrize("smallest", [-4, -13])
def test_singular_values_against_numpy(shape, smallest):
    """From a Gram matrix they would be lost below 1e-8 of the largest.

    rtol: the rounding of float64, 2e-16 of the largest value, over the smallest one.
    """
    s = np.logspace(0, smallest, min(shape))
    np.testing.assert_allclose(singular_values(with_spectrum(shape, s)), s, rtol=1e-2, atol=1e-15)
    np.testing.assert_allclose(singular_values(with_spectrum(shape, s))[:3], s[:3], rtol=1e-8)


def test_singular_values_of_what_is_not_finite_are_missing():
    assert np.isnan(singular_values(np.array([[1.0, np.inf], [0.0, 1.0]]))).all()
    assert np.isnan(metrics.rank([[1.0, np.nan], [0.0, 1.0]]))


@pytest.mark.parametrize("tolerance", [0.5, 1e-3, 1e-6, 1e-9, 1e-12])
@pytest.mark.parametrize("shape", [(12, 20), (12, 60)])
def test_rank_at_any_tolerance(tolerance, shape):
    """Known by construction: the values lie a factor of 3 from the next tolerance."""
    s = np.array([1.0, 0.3, 3e-2, 3e-4, 3e-5, 3e-7, 3e-8, 3e-10, 3e-11, 3e-13, 0, 0])
    w = with_spectrum(shape, s)
    assert metrics.rank(w, tolerance, "spectral") == (s > tolerance).sum()
    assert metrics.rank(w, tolerance) == (s > tolerance * np.linalg.norm(s)).sum()


@pytest.mark.parametrize("scale", [1e-320, 1e-170, 1e-30, 1.0, 1e30, 1e200, 1.7e308])
@pytest.mark.parametrize("shape", [(3, 7), (4, 40), (5, 5)])
def test_rank_does_not_know_the_scale(scale, shape):
    assert metrics.rank(np.full(shape, scale), 1e-9, "spectral") == 1
    assert metrics.value("stable_rank", np.full(shape, scale)) == pytest.approx(1)


def test_stacks_lists_and_tensors():
    stack = np.stack([np.eye(3), np.ones((3, 3))])
    np.testing.assert_array_equal(metrics.rank(stack), [3, 1])
    np.testing.assert_allclose(metrics.spectrum(stack), [[1, 1, 1], [3, 0, 0]], atol=1e-15)
    tensor = torch.eye(3, dtype=torch.bfloat16, requires_grad=True)
    assert metrics.rank(tensor) == metrics.rank([[1, 0, 0], [0, 1, 0], [0, 0, 1]]) == 3
    assert metrics.value("effective_rank", tensor) == pytest.approx(3)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: metrics.rank(np.eye(2), -0.03), "in \\(0, 1\\)"),
        (lambda: metrics.rank(np.eye(2), float("nan")), "in \\(0, 1\\)"),
        (lambda: metrics.rank(np.eye(2), norm="nuclear"), "'nuclear'"),
        (lambda: metrics.rank(np.ones(3)), "a matrix has shape"),
        (lambda: metrics.rank(np.ones((0, 3))), "a matrix has shape"),
        (lambda: metrics.rank(np.eye(2) * 1j), "complex"),
        (lambda: metrics.value("nc1", np.eye(2)), "needs"),
    ],
)
def test_bad_input_is_one_sentence(call, said):
    with pytest.raises(ValueError, match=said):
        call()
