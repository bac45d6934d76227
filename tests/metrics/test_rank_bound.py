"""The rank bound: printed numbers, its conventions, and a recursion that attains it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from implicitbias.metrics import resolve
from implicitbias.metrics.rank_bound import rank_bound_as_drawn, rank_bound_theorem

FIGURE_6 = {"batch_size": 6, "lr": 0.1, "weight_decay": 8e-3}


@pytest.mark.parametrize(
    ("eps", "drawn", "printed", "torch"),
    [(0.3, 4515, 7114, 14228), (0.5, 2599, 5199, 10397), (0.7, 1338, 3937, 7874)],
)
def test_the_numbers_of_figure_6(eps, drawn, printed, torch):
    # read off the figure, or worked out by hand, to whole numbers: half a unit
    assert rank_bound_as_drawn(**FIGURE_6, eps=eps) == pytest.approx(drawn, abs=0.5)
    assert rank_bound_theorem(**FIGURE_6, eps=eps, decay="paper") == pytest.approx(printed, abs=0.5)
    assert rank_bound_theorem(**FIGURE_6, eps=eps, decay="torch") == pytest.approx(torch, abs=0.5)
    assert rank_bound_theorem(**FIGURE_6, eps=eps) == pytest.approx(torch, abs=0.5)  # the default


def weights_after(steps, batch_size, lr, weight_decay, size):
    """SGD in torch's convention on gradients of rank batch_size that never repeat a direction.

    Step by step, with no formula of the bound: W <- W - lr * (G + weight_decay * W). The norm of W
    converges, as the theorem assumes.
    """
    w = np.zeros((size, size))
    for step in range(steps):
        gradient = np.zeros((size, size))
        new = step * batch_size + np.arange(batch_size)
        gradient[new, new] = 1.0
        w = w - lr * (gradient + weight_decay * w)
    return w


@pytest.mark.parametrize("batch_size", [1, 2])
@pytest.mark.parametrize("eps", [0.1, 0.3])
def test_sgd_keeps_to_the_theorem_and_not_to_the_drawn_line(batch_size, eps):
    setting = {"batch_size": batch_size, "lr": 0.5, "weight_decay": 0.1}
    w = weights_after(steps=150, size=150 * batch_size, **setting)
    spectrum = np.linalg.svd(w, compute_uv=False)
    rank = resolve(f"rank_spec_{eps:.0e}".replace("e-0", "e-")).compute(spectrum)
    assert rank <= rank_bound_theorem(**setting, eps=eps)
    # The check can fail: half the bound, as drawn or with the wrong lambda, is exceeded.
    assert rank > rank_bound_as_drawn(**setting, eps=eps)
    assert rank > rank_bound_theorem(**setting, eps=eps, decay="paper")


@given(
    batch_size=st.integers(1, 128),
    lr=st.floats(1e-3, 1),
    weight_decay=st.floats(1e-5, 0.1),
    eps=st.floats(1e-6, 0.999),
    patches=st.integers(1, 1024),
)
def test_how_the_forms_relate(batch_size, lr, weight_decay, eps, patches):
    setting = (batch_size, lr, weight_decay, eps, patches)
    torch = rank_bound_theorem(*setting)
    # one rounding per operation, about ten operations
    assert torch == pytest.approx(2 * rank_bound_theorem(*setting, decay="paper"), rel=1e-14)
    gap = patches * batch_size * math.log(2) / (2 * lr * weight_decay)
    paper = rank_bound_theorem(*setting, decay="paper")
    assert paper - rank_bound_as_drawn(*setting) == pytest.approx(gap, rel=1e-9)
    one = rank_bound_theorem(1, lr, weight_decay, eps)
    assert torch == pytest.approx(patches * batch_size * one, rel=1e-14)


@pytest.mark.parametrize("bound", [rank_bound_theorem, rank_bound_as_drawn])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eps": 0.0}, "eps"),
        ({"eps": 1.0}, "eps"),
        ({"eps": math.nan}, "eps"),
        ({"lr": 0.0}, "positive"),
        ({"weight_decay": 0.0}, "positive"),
        ({"lr": -0.1, "weight_decay": -0.1}, "positive"),
        ({"lr": math.nan}, "positive"),
        ({"weight_decay": math.inf}, "positive"),
        ({"batch_size": 0}, "at least 1"),
        ({"patches": 0}, "at least 1"),
    ],
)
def test_outside_its_assumptions_there_is_no_bound(bound, change, message):
    with pytest.raises(ValueError, match=message):
        bound(**(FIGURE_6 | {"eps": 0.5} | change))


def test_a_step_that_removes_all_of_w_is_refused():
    setting = {"batch_size": 1, "lr": 1.0, "weight_decay": 0.5, "eps": 0.5}
    assert rank_bound_theorem(**setting) > 0
    with pytest.raises(ValueError, match="removes 1 >= 1"):
        rank_bound_theorem(**setting, decay="paper")


def test_an_unknown_convention_is_refused():
    with pytest.raises(ValueError, match="'torch' or 'paper', not 'Torch'"):
        rank_bound_theorem(**FIGURE_6, eps=0.5, decay="Torch")
