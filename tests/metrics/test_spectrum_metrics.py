"""The metrics of a spectrum against matrices whose answer is known, and numpy's own SVD."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from implicitbias.metrics import resolve

NAMES = ("rank_fro_1e-3", "rank_spec_1e-3", "stable_rank", "effective_rank", "participation_ratio")
RANKS = NAMES[:2]
SMOOTH = NAMES[2:]
# Each smooth metric sums at most 100 float64 terms: 100 * 2.2e-16, with room for the SVD's own
# error of a few units in s_1 (the metrics are Lipschitz in s / s_1 with constants of order r).
RTOL = 1e-11


def compute(name, s):
    return resolve(name).compute(s)


def spectrum(matrix):
    return np.linalg.svd(matrix, compute_uv=False)


def orthogonal(rng, n):
    return np.linalg.qr(rng.normal(size=(n, n)))[0]


def of_rank(rng, rows, columns, rank):
    return rng.normal(size=(rows, rank)) @ rng.normal(size=(rank, columns))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [1e-30, 1.0, 3.0, 1e30])
def test_identity_has_every_rank_n(name, scale):
    assert_allclose(compute(name, spectrum(scale * np.eye(7))), 7, rtol=RTOL)


@pytest.mark.parametrize("name", NAMES)
def test_orthogonal_has_every_rank_n(name):
    rng = np.random.default_rng(0)
    assert_allclose(compute(name, spectrum(orthogonal(rng, 50))), 50, rtol=RTOL)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rank", [1, 2, 9])
def test_projection_has_every_rank_equal_to_its_rank(name, rank):
    basis = orthogonal(np.random.default_rng(1), 12)[:, :rank]
    assert_allclose(compute(name, spectrum(basis @ basis.T)), rank, rtol=RTOL)


@pytest.mark.parametrize("rank", [1, 3, 10, 20])
def test_numerical_ranks_of_a_matrix_of_known_rank(rank):
    # A tolerance of 1e-10 is above the SVD's rounding (1e-15) and below the smallest true ratio.
    s = spectrum(of_rank(np.random.default_rng(2), 30, 20, rank))
    assert compute("rank_spec_1e-10", s) == rank
    assert compute("rank_fro_1e-10", s) == rank


def test_log_spaced_spectrum_tells_the_two_norms_apart():
    """The example where the paper's text and its code give 60 and 53."""
    rng = np.random.default_rng(3)
    w = orthogonal(rng, 100) @ np.diag(np.logspace(0, -5, 100)) @ orthogonal(rng, 100)
    s = spectrum(w)
    by_fro = np.linalg.matrix_rank(w / np.linalg.norm(w), tol=1e-3)
    by_spec = np.linalg.matrix_rank(w / np.linalg.norm(w, 2), tol=1e-3)
    assert compute("rank_fro_1e-3", s) == by_fro == 53
    assert compute("rank_spec_1e-3", s) == by_spec == 60
    # Published to one decimal in our notes; the three are far from one another.
    assert compute("stable_rank", s) == pytest.approx(4.8, abs=0.05)
    assert compute("participation_ratio", s) == pytest.approx(8.6, abs=0.05)
    assert compute("effective_rank", s) == pytest.approx(23.4, abs=0.05)


@pytest.mark.parametrize("tolerance", ["3e-2", "5e-2", "1e-1"])
def test_numerical_ranks_against_matrix_rank(tolerance):
    w = np.random.default_rng(4).normal(size=(60, 40))
    s, tol = spectrum(w), float(tolerance)
    norms = {"fro": np.linalg.norm(w), "spec": np.linalg.norm(w, 2)}
    for norm, size in norms.items():
        expected = np.linalg.matrix_rank(w / size, tol=tol)
        assert compute(f"rank_{norm}_{tolerance}", s) == expected


def test_smooth_metrics_against_traces_of_the_matrix():
    """Second routes that never form a spectrum, or form it by eigenvalues."""
    w = np.random.default_rng(5).normal(size=(30, 20))
    gram = w.T @ w
    trace = np.trace(gram)
    s = spectrum(w)
    assert_allclose(compute("stable_rank", s), trace / np.linalg.norm(w, 2) ** 2, rtol=RTOL)
    assert_allclose(compute("participation_ratio", s), trace**2 / np.trace(gram @ gram), rtol=RTOL)
    p = np.sqrt(np.linalg.eigvalsh(gram))
    p /= p.sum()
    assert_allclose(compute("effective_rank", s), np.prod(p**-p), rtol=RTOL)


@given(seed=st.integers(0, 2**32 - 1), rank=st.integers(1, 8))
def test_order_of_the_ranks(seed, rank):
    """1 <= stable <= participation <= rank, 1 <= effective <= rank, rank_fro <= rank_spec."""
    s = spectrum(of_rank(np.random.default_rng(seed), 12, 8, rank))
    stable, effective, participation = (float(compute(name, s)) for name in SMOOTH)
    above, below = 1 + 1e-9, 1 - 1e-9  # the matrix has rounding noise beyond its rank
    assert below <= stable <= participation * above <= rank * above**2
    assert below <= effective <= rank * above + 1e-9
    for tolerance in ("1e-3", "5e-2", "3e-1"):
        assert compute(f"rank_fro_{tolerance}", s) <= compute(f"rank_spec_{tolerance}", s) <= rank


@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(1e-20, 1e20))
def test_invariant_under_scale_and_rotations(seed, scale):
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(9, 6))
    moved = scale * orthogonal(rng, 9) @ w @ orthogonal(rng, 6)
    for name in SMOOTH:
        assert_allclose(compute(name, spectrum(moved)), compute(name, spectrum(w)), rtol=RTOL)
    # 6 random values lie within rounding of the tolerance with probability about 1e-13
    for name in ("rank_fro_3e-1", "rank_spec_3e-1"):
        assert compute(name, spectrum(moved)) == compute(name, spectrum(w))


@pytest.mark.parametrize("name", NAMES)
def test_a_stack_is_its_rows(name):
    stack = np.sort(np.random.default_rng(6).random(size=(3, 4, 10)))[..., ::-1]
    stack = stack.copy()
    stack[1, 2, 5] = np.nan
    values = compute(name, stack)
    assert values.shape == (3, 4)
    assert values.dtype == np.float64
    for i, j in np.ndindex(3, 4):
        assert_array_equal(values[i, j], compute(name, stack[i, j]))
    assert np.isnan(values).sum() == 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("where", [0, 4])
def test_a_diverged_run_is_nan_and_never_rank_0(name, bad, where):
    s = np.linspace(5, 1, 5)
    s[where] = bad
    assert np.isnan(compute(name, s))
    assert np.isnan(compute(name, np.full(5, bad)))


def test_a_zero_matrix_has_rank_0_and_no_smooth_rank():
    zero = np.zeros(4)
    assert [float(compute(name, zero)) for name in RANKS] == [0, 0]
    assert all(np.isnan(compute(name, zero)) for name in SMOOTH)
    assert_array_equal(compute("rank_fro_1e-3", [zero, np.ones(4)]), [0, 4])


@pytest.mark.parametrize("name", NAMES)
def test_float32_records_do_not_overflow(name):
    s = np.array([3e38, 1e38, 1e30], dtype=np.float32)  # squares are beyond float32
    # float32 stores each value to 6e-8
    assert_allclose(compute(name, s), compute(name, s.astype(float) / 3e38), rtol=1e-6)


def test_order_of_the_values_does_not_matter():
    s = np.random.default_rng(7).random(10)
    for name in NAMES:
        assert_allclose(compute(name, s), compute(name, np.sort(s)[::-1]), rtol=RTOL)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_spectrum_is_refused(name):
    for wrong in (1.0, [], np.zeros((3, 0)), [1.0, -0.5]):
        with pytest.raises(ValueError, match="spectrum"):
            compute(name, wrong)


def test_singular_values_are_sorted_and_of_unit_norm():
    given = np.array([[3.0, 4.0, 0.0], [1e-30, 2e-30, 2e-30], [0.0, 0.0, 0.0], [1.0, np.nan, 2.0]])
    found = resolve("singular_values").compute(given)
    np.testing.assert_allclose(found[0], [0.8, 0.6, 0], rtol=1e-15)
    np.testing.assert_allclose(found[1], [2 / 3, 2 / 3, 1 / 3], rtol=1e-15)
    assert (found[2] == 0).all()
    assert np.isnan(found[3]).all()
