"""The ViT, its dropout and the mixed network: against other implementations, and by hand."""

import pytest
import torch
from torch import nn

from implicitbias.base.errors import UserError
from implicitbias.models import build_seeded
from implicitbias.models._dropout import Dropout
from implicitbias.models._layers import patches, weight_matrices
from implicitbias.plan import spec

SHAPE = (3, 32, 32)


def test_the_vit_is_torchs_transformer_behind_a_convolution():
    """Patches by a strided convolution, blocks by nn.TransformerEncoderLayer, same weights."""
    net = build_seeded("vit", (3, 16, 16), 7, seed=0, dim=24, depth=2, heads=3, head_dim=8,
                       mlp_dim=20, dropout=0.0).double()  # fmt: skip
    torch.manual_seed(0)
    for p in net.parameters():  # scales and shifts other than 1 and 0
        p.data += 0.1 * torch.randn_like(p)
    x = torch.randn(5, 3, 16, 16).double()
    kernel = net.embed.weight.view(24, 3, 4, 4)
    h = nn.functional.conv2d(x, kernel, net.embed.bias, stride=4).flatten(2).mT
    h = torch.cat([net.token.expand(5, 1, -1), h], 1) + net.positions
    for attention, perceptron in zip(net.blocks[::2], net.blocks[1::2], strict=True):
        layer = nn.TransformerEncoderLayer(24, 3, 20, 0.0, "gelu", batch_first=True,
                                           norm_first=True).double()  # fmt: skip
        layer.load_state_dict({
            "self_attn.in_proj_weight": attention.qkv.weight,
            "self_attn.in_proj_bias": torch.zeros(72),
            "self_attn.out_proj.weight": attention.project.weight,
            "self_attn.out_proj.bias": attention.project.bias,
            "linear1.weight": perceptron.up.weight, "linear1.bias": perceptron.up.bias,
            "linear2.weight": perceptron.down.weight, "linear2.bias": perceptron.down.bias,
            "norm1.weight": attention.norm.weight, "norm1.bias": attention.norm.bias,
            "norm2.weight": perceptron.norm.weight, "norm2.bias": perceptron.norm.bias,
        })  # fmt: skip
        h = layer(h)
    wanted = net.head(net.norm(h[:, 0]))
    torch.testing.assert_close(net(x), wanted, rtol=1e-10, atol=1e-10)
    averaging = build_seeded("vit", (3, 16, 16), 7, seed=0, dim=24, depth=1, heads=3, head_dim=8,
                             mlp_dim=20, class_token=False, dropout=0.0)  # fmt: skip
    assert averaging.token is None
    assert averaging(x.float()).shape == (5, 7)


def test_the_papers_vit():
    """Parameters by hand; six averaged matrices; every token counts for m_l."""
    net = build_seeded("vit", SHAPE, 10, seed=0)
    layer = 2 * 1024 + 1536 * 512 + 3 * (512 * 512 + 512)
    count = 48 * 512 + 512 + 512 + 65 * 512 + 6 * layer + 1024 + 512 * 10 + 10
    assert sum(p.numel() for p in net.parameters()) == count == 9_523_722
    matrices = weight_matrices(net)
    averaged = [(m.label, m.rows, m.cols) for m in matrices if m.averaged]
    assert averaged == [(f"layer{i}", 1536, 512) for i in range(6)]
    assert len(matrices) == 26
    found = patches(net, SHAPE)
    assert {found.pop("embed"), found.pop("head")} == {64, 1}
    assert set(found.values()) == {65}


def test_the_papers_mixed_network():
    """Legend of figure 16: convolutions 1-10, adapter 11, linear layers 12-21."""
    net = build_seeded("mixed_residual", SHAPE, 10, seed=0)
    matrices = [m for m in weight_matrices(net) if m.averaged]
    shapes = {m.label: (m.rows, m.cols) for m in matrices}
    assert list(shapes) == [f"layer{i}" for i in range(22)]
    assert shapes["layer0"] == (256, 27)
    assert {shapes[f"layer{i}"] for i in range(1, 11)} == {(256, 2304)}
    assert shapes["layer11"] == (256, 256 * 32 * 32)
    assert {shapes[f"layer{i}"] for i in range(12, 22)} == {(256, 256)}
    weights = sum(r * c for r, c in shapes.values()) + 10 * 256
    scales = 11 * 512 + 11 * 512 + 11 * 256 + 10  # BN, LN, biases
    assert sum(p.numel() for p in net.parameters()) == weights + scales == 73_686_026
    found = patches(net, SHAPE)
    assert [found[f"layer{i}"] for i in range(22)] == [1024] * 11 + [1] * 11


@pytest.mark.parametrize(
    ("given", "message"),
    [({"patch": 8}, "patch: images of 28 x 28 have no whole patches of 8 x 8; vit on mnist5k"),
     ({"dropout": 1.0}, "dropout: 1.0 is no probability"),
     ({"position_std": -0.1}, "position_std: -0.1 is not 0 or more"),
     ({"model": "resnet18", "negative_slope": 2.0}, r"negative_slope: 2.0 is not in \[0, 1\)")],
)  # fmt: skip
def test_what_cannot_be_built_is_refused_while_planning(given, message):
    run = {"dataset": "mnist5k", "model": "vit", "batch_size": 8, "epochs": 1, "lr": 0.1}
    assert spec.make(run).steps > 0
    with pytest.raises(UserError, match=message):
        spec.make({**run, **given})


def mask(layer, n=100_000):
    return layer(torch.ones(n)) != 0


def seeded(seed, p=0.3):
    torch.manual_seed(seed)
    return Dropout(p)


def test_dropout_keeps_the_share_and_the_mean_and_never_repeats():
    """Shares and correlations of masks within five standard errors of independence."""
    layer, other = seeded(0), seeded(1)
    masks = [mask(layer) for _ in range(3)] + [mask(other)]
    wide = masks[0].numel() ** -0.5
    for one in masks:
        assert abs(one.float().mean() - 0.7) < 5 * 0.21**0.5 * wide
    pairs = [(masks[0], masks[i]) for i in (1, 2, 3)] + [(masks[0][1:], masks[0][:-1])]
    for a, b in pairs:
        assert abs(torch.corrcoef(torch.stack([a, b]).float())[0, 1]) < 5 * wide
    kept = seeded(0)(torch.ones(1000))
    torch.testing.assert_close(kept[kept != 0], torch.full_like(kept[kept != 0], 1 / 0.7))
    assert torch.equal(mask(seeded(0)), masks[0])
    assert torch.equal(layer.eval()(torch.ones(9)), torch.ones(9))
    assert int(layer.count) == 3  # evaluation draws nothing


def test_dropout_does_not_touch_the_global_generator_nor_depend_on_it():
    layer = seeded(0)
    torch.manual_seed(5)
    first, drawn = mask(layer), torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(3), drawn)
    layer.count.zero_()
    torch.manual_seed(6)
    assert torch.equal(mask(layer), first)
