"""The collapsed solution: exact where it is constructed, at rest by autograd, else seen."""

import numpy as np
import pytest
import torch

from implicitbias.metrics import collapse_solution as solution

NAMES = ("output_mean", "head_gram", "head_means", "class_gram")


def constructed(classes=4, alpha=0.8, lam=0.05, size=11, offset=0.7, seed=0):
    """Head W (C, D) and features (C, D), one per class, of rest under lambda ||W||^2."""
    rng = np.random.default_rng(seed)
    frame, _ = np.linalg.qr(rng.normal(size=(size, classes + 1)))
    centre = np.eye(classes) - 1 / classes
    rho2 = alpha * (1 - alpha) * (classes - 1) / (classes * lam)
    kappa = (1 - alpha) / (lam * classes)
    means = np.sqrt(alpha / kappa) * centre @ frame[:, :classes].T  # centred, C x D
    # A part that all features share, orthogonal to the head, changes nothing.
    return kappa * means, means + offset * frame[:, classes], rho2


def recorded(w, h):
    outputs = h @ w.T
    return {
        "output_mean": outputs + 1 / len(w), "head_gram": w @ w.T, "head_means": w @ h.T,
        "class_gram": h @ h.T,
    }  # fmt: skip


def residuals(w, h):
    r = recorded(w, h)
    of = {
        "collapse_duality": NAMES, "collapse_frame": ("head_gram",),
        "collapse_size": ("output_mean", "head_gram", "class_gram"),
    }  # fmt: skip
    return {name: float(getattr(solution, name)(*(r[q] for q in qs))) for name, qs in of.items()}


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_a_constructed_solution_has_all_numbers_of_the_theorem(classes):
    w, h, rho2 = constructed(classes)
    assert max(residuals(w, h).values()) < 1e-7  # of squares that cancel, in float64
    assert float(solution.collapse_scale(recorded(w, h)["output_mean"])) == pytest.approx(0.8)
    assert (w**2).sum() == pytest.approx(rho2)
    norms = np.linalg.norm(h - h.mean(0), axis=1) ** 2
    assert norms == pytest.approx(0.64 * (classes - 1) ** 2 / (classes * rho2))
    cosines = w @ w.T / (w[0] @ w[0])
    assert cosines[0, 1] == pytest.approx(-1 / (classes - 1))


def test_it_is_a_stationary_point_of_the_head_and_of_rho():
    """By autograd, of (1/N) sum ||W h - t||^2 + lambda ||W||^2 with balanced classes."""
    w, h, _ = constructed(classes=5, lam=0.03)
    head = torch.tensor(w, requires_grad=True)
    x, t = torch.tensor(h).repeat(3, 1), (torch.eye(5).double() - 1 / 5).repeat(3, 1)
    loss = (x @ head.T - t).square().sum(1).mean() + 0.03 * head.square().sum()
    (gradient,) = torch.autograd.grad(loss, head)
    assert gradient.abs().max() < 1e-14
    one_hot = (x @ head.T - t - 1 / 5).square().sum(1).mean() + 0.03 * head.square().sum()
    (gradient,) = torch.autograd.grad(one_hot, head)
    assert gradient.abs().max() > 1e-3  # of other targets it is none


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda w, h: (w, h * np.linspace(1, 2, len(h))[:, None]),
         {"collapse_duality", "collapse_size"}),
        (lambda w, h: (w * np.linspace(1, 2, len(w))[:, None], h), {"collapse_frame"}),
        (lambda w, h: (w + 0.1 * np.eye(*w.shape), h), {"collapse_duality", "collapse_frame"}),
    ],
)  # fmt: skip
def test_what_is_not_the_solution_is_seen(change, seen):
    w, h, _ = constructed()
    found = residuals(*change(w, h))
    assert all(found[name] > 0.01 for name in seen)


def test_a_head_of_another_length_is_the_solution_of_another_decay():
    """Shape and alpha fit any length of the head: only lambda rho^2 tells."""
    w, h, _ = constructed(lam=0.05)
    assert max(residuals(1.1 * w, h).values()) < 1e-7
    for head, fits in ((w, True), (1.1 * w, False)):
        alpha = float(solution.collapse_scale(recorded(head, h)["output_mean"]))
        wanted = alpha * (1 - alpha) * 3 / 4
        assert (0.05 * (head**2).sum() == pytest.approx(wanted)) == fits
