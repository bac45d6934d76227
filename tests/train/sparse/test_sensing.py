"""Basis pursuit against optimality conditions; the theory of diagonal networks on closed cases."""

import numpy as np
import pytest
from scipy.optimize import linprog

from implicitbias.train.sparse import diagonal, sensing


@pytest.mark.parametrize("signed", [False, True])
def test_basis_pursuit_is_feasible_and_no_feasible_point_is_smaller(signed):
    made = sensing.draw(3, 30, 12, 2, signed, 0.0)
    z = sensing.basis_pursuit(made.matrix, made.y, signed)
    assert np.allclose(made.matrix @ z, made.y, atol=1e-9)
    assert np.abs(z).sum() <= np.abs(made.truth).sum() + 1e-9
    if not signed:
        assert z.min() >= -1e-12
    assert np.allclose(z, made.truth, atol=1e-8)  # 2 of 30 from 12: recovered


def test_how_often_the_truth_is_the_only_non_negative_solution():
    n, m, k, draws, single = 20, 10, 2, 300, 0
    for seed in range(draws):
        made = sensing.draw(seed, n, m, k, False, 0.0)
        off = (made.truth == 0).astype(float)  # as much as can be off the support
        most = linprog(-off, A_eq=made.matrix, b_eq=made.y, bounds=(0, None), method="highs")
        single += most.status == 0 and -most.fun < 1e-9  # else larger, or unbounded
    exact = sensing.single_solution_probability(n, m, k)
    error = (exact * (1 - exact) / draws) ** 0.5
    assert abs(single / draws - exact) < 4 * error
    assert 0.2 < exact < 0.4  # far from both ends, where any formula would do
    # What exp_negative says of its sizes.
    assert sensing.single_solution_probability(40, 20, 3) == pytest.approx(0.31, abs=0.005)
    assert sensing.single_solution_probability(40, 15, 3) == pytest.approx(0.014, abs=0.0005)


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
