"""Weights as the network multiplies with them: equal to what torch's own layers compute."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune
from torch.nn.utils import spectral_norm as old_spectral_norm
from torch.nn.utils import weight_norm as old_weight_norm

from implicitbias.api import _matrices, _stored, _weights, spectrum
from implicitbias.base.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore")
RNG = torch.Generator().manual_seed(0)


def low(rows=20, cols=12, rank=5):
    return torch.randn(rows, rank, generator=RNG) @ torch.randn(rank, cols, generator=RNG)


def of_state(state):
    """The matrices of a state dict in float64, by name."""
    tensors = {name: _stored.stored(t) for name, t in state.items()}
    return {m.name: _matrices.array(m)[0] for m in _matrices.matrices(tensors) if not m.reason}


def scaled_rows(layer):
    """Its rows have norms over ten orders, so its direction V has another rank at 1e-3 than W."""
    with torch.no_grad():
        layer.weight.copy_(torch.randn(20, 12, generator=RNG))
        layer.weight.mul_(torch.logspace(0, -10, 20)[:, None])
    return layer


@pytest.mark.parametrize("norm", [old_weight_norm, parametrizations.weight_norm])
@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm(norm, dim):
    """rtol: the layer itself computes in float32."""
    layer = norm(scaled_rows(nn.Linear(12, 20)), dim=dim)
    found = of_state(layer.state_dict())
    assert set(found) == {"weight"}
    w = layer.weight.detach().numpy()
    np.testing.assert_allclose(found["weight"], w, rtol=2e-5, atol=1e-12)


def rank(w):
    s = np.linalg.svd(w.double().numpy(), compute_uv=False)
    return (s > 1e-3 * s[0]).sum()


@pytest.mark.parametrize("norm", [old_weight_norm, parametrizations.weight_norm])
def test_weight_norm_has_the_rank_of_the_weight(tmp_path, norm):
    net = nn.Sequential(norm(scaled_rows(nn.Linear(12, 20))))
    torch.save(net.state_dict(), tmp_path / "net.pt")
    found = spectrum.table(tmp_path / "net.pt").set_index("matrix").loc["0.weight"]
    stored = next(p for p in net.state_dict().values() if p.shape == (20, 12))
    right, wrong = rank(net[0].weight.detach()), rank(stored / stored.norm(dim=1, keepdim=True))
    assert found["rank_spec_1e-3"] == right < wrong, "of V it is another"
    assert "made of 0." in found["note"]


@pytest.mark.parametrize("norm", [old_spectral_norm, parametrizations.spectral_norm])
@pytest.mark.parametrize(
    "layer", [nn.Linear(12, 20), nn.Conv2d(3, 6, 2), nn.ConvTranspose2d(3, 6, 2)]
)
def test_spectral_norm(norm, layer):
    """In evaluation mode, when the power iteration stands still. rtol: torch's is in float32."""
    x = torch.ones(2, *((12,) if isinstance(layer, nn.Linear) else (3, 4, 4)))
    layer = norm(copy.deepcopy(layer), n_power_iterations=5)
    for mode in (True, False):
        layer.train(mode)(x)
    found = of_state(layer.state_dict())["weight"]
    w = layer.weight.detach().numpy()
    w = w.swapaxes(0, 1) if isinstance(layer, nn.ConvTranspose2d) else w
    np.testing.assert_allclose(found, w.reshape(len(found), -1), rtol=1e-4, atol=1e-6)


def test_pruned_weights():
    layer = nn.Linear(12, 20)
    prune.l1_unstructured(layer, "weight", amount=0.5)
    found = of_state(layer.state_dict())
    np.testing.assert_array_equal(found["weight"], layer.weight.detach().numpy())
    assert (found["weight"] == 0).mean() == 0.5


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("q.lora_A.weight", "q.lora_B.weight"),
        ("q.lora_A.default.weight", "q.lora_B.default.weight"),
        ("q.lora_down.weight", "q.lora_up.weight"),
        ("q.lora_embedding_A.default", "q.lora_embedding_B.default"),
        ("lora_A", "lora_B"),
    ],
)
def test_a_pair_of_lora_is_its_product(a, b):
    down, up = torch.randn(4, 12), torch.randn(20, 4)
    found = of_state({a: down, b: up, "q.base_layer.weight": low()})
    assert len(found) == 2
    product = next(w for name, w in found.items() if "lora" in name)
    np.testing.assert_allclose(product, up.double().numpy() @ down.double().numpy(), rtol=1e-12)


@pytest.mark.parametrize("scale", ["weight_scale_inv", "weight_scale", "scale_weight"])
@pytest.mark.parametrize("shape", [(), (1,), (24, 1), (3, 3), (3, 4)])
def test_float8_with_scales(scale, shape):
    """Blocks of 8 x 8 or 8 x 4: rank 4 where the stored numbers have a larger one."""
    w = low(24, 16 if shape == (3, 4) else 24, rank=4)
    scales = torch.rand(shape, generator=RNG) + 0.5
    found = _weights._blocks(tuple(w.shape), tuple(scales.shape))
    whole = scales.reshape(-(-24 // found[0]), -1)
    whole = whole.repeat_interleave(found[0], 0).repeat_interleave(found[1], 1)
    stored = (w / whole).to(torch.float8_e4m3fn)
    made = of_state({"l.weight": stored, f"l.{scale}": scales})
    assert set(made) == {"l.weight"}
    exact = stored.double().numpy() * whole.double().numpy()
    np.testing.assert_allclose(made["l.weight"], exact, rtol=1e-12)
    np.testing.assert_allclose(made["l.weight"], w.numpy(), rtol=0.07, atol=0.01)


def test_float8_with_a_scale_says_which_ranks_may_count_its_rounding(tmp_path):
    """Rank 4, in digits of 6%: true at a tolerance above the rounding, and said below it."""
    w, scale = low(24, 24, rank=4), torch.tensor(0.5)
    stored = (w / scale).to(torch.float8_e4m3fn)
    torch.save({"l.weight": stored, "l.weight_scale": scale}, tmp_path / "net.pt")
    row = spectrum.table(tmp_path / "net.pt", tolerance=[0.05, 1e-3]).iloc[0]
    assert row["dtype"] == "float8_e4m3fn"
    assert row["rank_fro_5e-2"] == 4 < row["rank_fro_1e-3"]
    note = row["note"].partition("; ")[2]
    assert note == "rank_fro_1e-3, rank_spec_1e-3 may count the rounding of float8_e4m3fn"


def test_float8_without_scales_says_so(tmp_path):
    torch.save({"l.weight": low().to(torch.float8_e4m3fn)}, tmp_path / "net.pt")
    assert "without a scale" in spectrum.table(tmp_path / "net.pt")["note"][0]


@pytest.mark.parametrize(
    ("name", "shape", "bias", "layout", "matrix"),
    [
        ("conv.weight", (6, 3, 2, 2), 6, "kernel", (6, 12)),
        ("up.weight", (3, 6, 2, 2), 6, "transposed", (6, 12)),
        ("deconv1.weight", (3, 6, 2, 2), 0, "transposed", (6, 12)),
        ("conv.weight", (6, 3, 5), 0, "kernel", (6, 15)),
        ("mlp.experts.w1", (4, 6, 3), 0, "expert", (6, 3)),
        ("pos_embed", (1, 17, 8), 0, "embedding", (17, 8)),
        ("cls_token", (1, 1, 8), 0, "embedding", (1, 8)),
        ("post.weight", (1, 32, 7), 1, "kernel", (1, 224)),
        ("embed_positions.weight", (1, 17, 8), 0, "embedding", (17, 8)),
    ],
)
def test_layouts(name, shape, bias, layout, matrix):
    state = {name: torch.randn(shape)}
    if bias:
        state[name.replace("weight", "bias")] = torch.ones(bias)
    tensors = {n: _stored.stored(t) for n, t in state.items()}
    found = [m for m in _matrices.matrices(tensors) if not m.reason]
    assert {(m.layout, m.rows, m.cols) for m in found} == {(layout, *matrix)}
    assert len(found) == (shape[0] if layout == "expert" else 1)
    for i, one in enumerate(found):
        values = _matrices.array(one)[0]
        assert values.shape == matrix
        if layout == "expert":
            np.testing.assert_array_equal(values, state[name][i])
        elif layout == "transposed":
            np.testing.assert_array_equal(values[1, :4], state[name][0, 1].flatten())


def test_a_pattern_names_transposed_convolutions(tmp_path):
    kernel = torch.randn(3, 6, 2, 2)
    torch.save({"g.0.weight": kernel, "other.weight": kernel}, tmp_path / "net.pt")
    for pattern, right in (("g.*.weight", [6, 3]), ("other*", [3, 6])):
        found = spectrum.table(tmp_path / "net.pt", layouts={pattern: "transposed"})
        assert found["rows"].tolist() == right
    with pytest.raises(UserError, match="no layout 'turned'"):
        spectrum.table(tmp_path / "net.pt", layouts={"g*": "turned"})


def test_a_parametrisation_that_is_not_known_says_so():
    layer = parametrizations.orthogonal(nn.Linear(12, 20))
    tensors = {n: _stored.stored(t) for n, t in layer.state_dict().items()}
    notes = {m.name: m.note for m in _matrices.matrices(tensors)}
    assert "do not tell" in notes["parametrizations.weight.original"]
