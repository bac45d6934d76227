"""Convolutions by Winograd's tiles: torch's numbers, with rounding of the same size."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from implicitbias.train.engine import products, winograd

F64 = torch.float64
HOW = {"stride": (1, 1), "padding": (1, 1), "k": 1}


def drawn(*shape, dtype=F64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)


def gradients(function, tensors):
    leaves = [t.clone().requires_grad_() for t in tensors]
    out = function(*leaves)
    return out, torch.autograd.grad(out.pow(3).sum(), leaves)


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize(
    ("size", "padding"),
    [((6, 8), (1, 1)), ((2, 2), (1, 1)), ((4, 6), (0, 2)), ((5, 7), (1, 1)), ((5, 6), (1, 1))],
    ids=str,
)
def test_outputs_and_gradients_are_torchs(size, padding, k, layout):
    """In float64; over odd sizes, which tiles do not cover, too."""
    x, w, b = drawn(5, 4 * k, *size), drawn(6 * k, 4, 3, 3), drawn(6 * k)
    tensors = x.contiguous(memory_format=layout), w.contiguous(memory_format=layout), b
    found = gradients(lambda *t: winograd.convolution(*t, (1, 1), padding, k), tensors)
    wanted = gradients(lambda *t: functional.conv2d(*t, 1, padding, groups=k), tensors)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_batches_of_many_tiles_go_in_pieces():
    """Of alike sizes, the last smaller; members side by side are what each is alone."""
    pieces = winograd._pieces(7, 64, 4)
    assert [len(range(7)[p]) for p in pieces] == [4, 3]
    assert len(winograd._pieces(7, 64, 512)) == 1
    x, w = drawn(7, 4, 16, 16), drawn(6, 4, 3, 3)
    found = gradients(lambda *t: winograd.convolution(*t, None, **HOW), (x, w))
    torch.testing.assert_close(
        found, gradients(lambda *t: functional.conv2d(*t, padding=1), (x, w))
    )
    pair = torch.cat([x, x], 1), torch.cat([w, w + 1])
    both, (of_x, of_w) = gradients(
        lambda *t: winograd.convolution(*t, None, (1, 1), (1, 1), 2), pair
    )
    # To rounding: OpenBLAS adds so few channels in an order that depends on their number.
    beside = both[:, :6], (of_x[:, :4], of_w[:6])
    torch.testing.assert_close(beside, found, rtol=1e-11, atol=1e-11)


def test_no_gradient_is_made_of_images():
    x, w = drawn(2, 4, 4, 4), drawn(6, 4, 3, 3).requires_grad_()
    winograd.convolution(x, w, None, **HOW).sum().backward()
    assert w.grad is not None and x.grad is None


@pytest.mark.parametrize(("channels", "side"), [(128, 16), (256, 8), (512, 4)])
def test_rounding_is_of_torchs_size(channels, side):
    """Errors in float32 of output and gradients against float64, channels last, 16 examples.

    Half of torch's with its kernels of today on AVX-512; 2.5 times those of its kernels for NCHW.
    """
    tensors = [
        t.contiguous(memory_format=torch.channels_last)
        for t in (drawn(16, channels, side, side), drawn(channels, channels, 3, 3))
    ]

    def errors(function):
        exact, rounded = (
            gradients(function, [t.to(dtype) for t in tensors]) for dtype in (F64, torch.float32)
        )
        pairs = zip([exact[0], *exact[1]], [rounded[0], *rounded[1]], strict=True)
        return [((a - b).norm() / a.norm()).item() for a, b in pairs]

    torchs = errors(lambda *t: functional.conv2d(*t, padding=1))
    ours = errors(lambda *t: winograd.convolution(*t, None, **HOW))
    for one, other in zip(ours, torchs, strict=True):
        assert 0 < one < 3 * other


def test_only_3x3_with_stride_1_and_many_channels(monkeypatch):
    monkeypatch.setattr(products, "openblas", True)

    def possible(inputs=128, outputs=256, kernel=3, positions=64, batch_size=4, **how):
        layer = nn.Conv2d(inputs, outputs, kernel, **{"padding": 1, **how})
        return winograd.possible(layer, positions, batch_size)

    assert possible()
    assert possible(outputs=128, positions=256)
    assert not possible(outputs=128)
    assert not possible(inputs=64)
    assert not possible(kernel=1) and not possible(stride=2) and not possible(groups=2)
    assert not possible(positions=16) and possible(positions=16, batch_size=12)
    monkeypatch.setattr(products, "openblas", False)
    assert not possible()
