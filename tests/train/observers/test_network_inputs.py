"""Per-example stationarity, and what bounds need: against autograd and explicit matrices."""

import numpy as np
import pytest
import torch
from torch import nn

from implicitbias import data
from implicitbias.models._layers import weight_matrices
from implicitbias.train.observers import bounds, stationarity
from implicitbias.train.records import Records

SHAPE = (2, 7, 6)


def conv_net(outputs=2):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 3, 3, stride=2, padding=1, bias=False), nn.ReLU(),
        nn.Conv2d(3, 4, 3, bias=False), nn.ReLU(), nn.Flatten(),
    )  # fmt: skip
    net.add_module("head", nn.Linear(4 * 2 * 1, outputs, bias=False))
    return net.double()


def stacked(net):
    return {name: p.detach()[None] for name, p in net.named_parameters()}


def toeplitz(conv, shape):
    """The matrix of a convolution, column by column: its image of each pixel."""
    size = torch.Size(shape).numel()
    with torch.no_grad():
        return conv(torch.eye(size, dtype=torch.float64).reshape(size, *shape)).flatten(1).T


def test_toeplitz_norms_are_those_of_the_explicit_matrices():
    net, rows = conv_net(), Records()
    x = torch.randn(5, *SHAPE, dtype=torch.float64)
    bounds.record(rows, ["r"], 1, 1, net, stacked(net), weight_matrices(net), SHAPE)
    found = {(r["quantity"], r["layer"]): r["value"] for r in rows.scalars}
    hidden = net[0](x).shape[1:]
    assert found["toeplitz_norm", "layer0"] == pytest.approx(toeplitz(net[0], SHAPE).norm().item())
    assert found["toeplitz_norm", "layer1"] == pytest.approx(toeplitz(net[2], hidden).norm().item())
    assert found["toeplitz_norm", "head"] == pytest.approx(net.head.weight.norm().item())
    assert [found["kernel_positions", n] for n in ("layer0", "layer1", "head")] == [9, 9, 2]


def test_sums_of_squares_against_a_loop_and_in_the_units_of_raw_images():
    x = torch.randn(5, *SHAPE, dtype=torch.float64)
    pixels = [x[:, :, i, j].square().sum().item() for i in range(7) for j in range(6)]
    found = bounds.square_sums(x)
    assert found["pixel_square_sum"] == pytest.approx(max(pixels))
    assert found["input_square_sum"] == pytest.approx(sum(pixels))
    raw = np.random.default_rng(0).uniform(size=(3, 1, 28, 28)).astype(np.float32)
    seen = (raw - 0.1307) / 0.3081
    np.testing.assert_allclose(data.intensities(seen, "mnist5k"), raw, atol=1e-6)


@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_residuals_are_the_part_of_the_gradient_orthogonal_to_the_layer(outputs):
    net, rows = conv_net(outputs), Records()
    x, labels = torch.randn(4, *SHAPE).double(), torch.tensor([0, 1, 1, 0])
    matrices = weight_matrices(net)
    stationarity.record(rows, ["r"], 1, 1, net, stacked(net), matrices, x, labels)
    found = {(r["quantity"], r["layer"]): r["values"] for r in rows.arrays}
    with torch.no_grad():
        for p in net.parameters():
            p /= p.norm()
    for n in range(4):
        net.zero_grad()
        g = net(x[n : n + 1])[0]
        y = int(labels[n])
        f = (
            g[0] * (1 - 2 * y)
            if outputs == 1
            else g[y] - max(g[j] for j in range(outputs) if j != y)
        )
        f.backward()
        for m in matrices:
            v = dict(net.named_parameters())[m.parameter]
            inner = (v.grad * v).sum().item()
            assert inner == pytest.approx(f.item(), abs=1e-12)  # homogeneous in each layer
            orthogonal = v.grad - inner * v.detach()
            assert found["sample_residual", m.label][n] == pytest.approx(orthogonal.norm().item())
            sine = (orthogonal.norm() / v.grad.norm()).item()
            assert found["sample_sine", m.label][n] == pytest.approx(sine)
