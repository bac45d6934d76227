"""Basis pursuit against optimality conditions; the theory of diagonal networks on closed cases."""

import numpy as np
import pytest

from implicitbias.sparse import diagonal, sensing


@pytest.mark.parametrize("signed", [False, True])
def test_basis_pursuit_is_feasible_and_no_feasible_point_is_smaller(signed):
    made = sensing.draw(3, 30, 12, 2, signed, 0.0)
    z = sensing.basis_pursuit(made.matrix, made.y, signed)
    assert np.allclose(made.matrix @ z, made.y, atol=1e-9)
    assert np.abs(z).sum() <= np.abs(made.truth).sum() + 1e-9
    if not signed:
        assert z.min() >= -1e-12
    assert np.allclose(z, made.truth, atol=1e-8)  # 2 of 30 from 12: recovered


def test_an_infeasible_program_is_nan():
    matrix = np.ones((1, 3))
    assert np.isnan(sensing.basis_pursuit(matrix, np.array([-1.0]), False)).all()


def test_magnification_of_an_unmoved_scale_is_one():
    assert diagonal.log_magnification(0.7, 0.7, 3.0) == 0
    assert diagonal.log_magnification(0.5, 1.0, 4.0) == pytest.approx(np.log(0.5) + 1.5)


def test_bound_at_depth_two_without_normalisation():
    # Uniform start alpha^2 = 1e-4 on 10 entries, Q = 1: log 10 / log(1 / 1e-3)
    bound = diagonal.excess_bound(10, 0.01 * 10**0.5, 1.0, 2, 0.0)
    assert bound == pytest.approx(np.log(10) / np.log(1e3))
    assert np.isnan(diagonal.excess_bound(10, 10.0, 1.0, 2, 0.0))
