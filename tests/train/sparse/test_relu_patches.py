"""Population loss and gradient against Monte Carlo and finite differences."""

import numpy as np
import pytest

from implicitbias.train.sparse import relu_patches as relu


def pair(d, seed, scale=1.3):
    rng = np.random.default_rng(seed)
    return scale * rng.normal(size=(1, d)) / d**0.5, rng.normal(size=(1, d)) / d**0.5


@pytest.mark.parametrize(("d", "k"), [(5, 3), (8, 6)])
def test_monte_carlo(d, k):
    w, truth = pair(d, d)
    x = np.random.default_rng(0).normal(size=(200_000, k, d))
    target = relu.sample_residuals(x, truth, np.zeros(len(x)))[0][0]
    losses = relu.sample_residuals(x, w, target)[0][0] ** 2
    ours = relu.population_loss(w, truth, np.array([float(k)]))[0]
    assert abs(losses.mean() - ours) < 5 * losses.std() / len(x) ** 0.5  # 5 standard errors
    _, gradient = relu.sample_loss_gradient(x, w, target)
    exact = relu.population_gradient(w, truth, np.array([float(k)]))
    assert np.abs(gradient - exact).max() < 5e-3  # about 5 standard errors of an entry


@pytest.mark.parametrize("k", [1, 4, 20])
def test_finite_differences(k):
    w, truth = pair(7, k)
    patches, h = np.array([float(k)]), 1e-6
    steps = h * np.eye(7)
    differences = [
        (relu.population_loss(w + e, truth, patches) - relu.population_loss(w - e, truth, patches))
        / (2 * h)
        for e in steps
    ]
    exact = relu.population_gradient(w, truth, patches)[0]
    assert np.allclose(np.ravel(differences), exact, atol=1e-8)


def test_sample_gradient_is_that_of_the_sample_loss():
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(50, 4, 6)), rng.normal(size=(2, 6))
    y, h = rng.normal(size=50), 1e-6
    gradient = relu.sample_loss_gradient(x, w, y)[1]
    for j, e in enumerate(h * np.eye(6)):
        up, down = (relu.sample_loss_gradient(x, w + s * e, y)[0] for s in (1, -1))
        assert np.allclose((up - down) / (2 * h), gradient[:, j], atol=1e-6)


def test_the_saddle_has_no_gradient_and_the_truth_no_loss():
    k, (_, truth) = 6, pair(5, 1)
    saddle = -(k * k - k) / (k * k + (np.pi - 1) * k) * truth
    patches = np.array([float(k)])
    assert np.abs(relu.population_gradient(saddle, truth, patches)).max() < 1e-8
    assert relu.population_loss(truth, truth, patches)[0] == 0


def test_the_loss_is_accurate_at_small_angles():
    truth, patches = np.eye(3)[:1], np.array([20.0])
    for t in (9e-4, 1.1e-3):  # either side of the series' end: t^2/2 - t^3/(3 pi) over k
        w = np.array([[np.cos(t), np.sin(t), 0.0]])
        leading = (t**2 / 2 - t**3 / (3 * np.pi)) / 20
        assert relu.population_loss(w, truth, patches)[0] == pytest.approx(leading, rel=1e-6)
