"""What planning reads of a model's source is true of the model."""

import subprocess
import sys

import pytest
import torch

from implicitbias import models
from implicitbias.base import registry
from implicitbias.models._layers import patches, weight_matrices

SHAPE = (3, 32, 32)


@pytest.mark.parametrize("name", registry.names("models"))
def test_the_smallest_image_is_what_the_source_says(name):
    info = models.info(name)
    arguments = {k: 2 for k in ("width", "hidden") if k in info.arguments}

    def outputs(side):
        net = models.build(name, (1, side, side), 3, **arguments).eval()
        return net(torch.zeros(2, 1, side, side))

    assert outputs(info.min_image).shape == (2, 3)
    if info.min_image > 1:
        with pytest.raises((RuntimeError, ValueError, ZeroDivisionError)):
            outputs(info.min_image - 1)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *((name, {}) for name in registry.names("models") if name != "convnet"),
        ("resnet18", {"width": 8, "stem_stride": 2}), ("vgg16", {"width": 8, "stem_stride": 2}),
        ("vit", {"dim": 32, "head_dim": 4, "mlp_dim": 32, "patch": 8}),
        *(("conv4_fc", {"pooling": p, "enlarge": 3}) for p in ("max", "stride", "stride_2222")),
        ("conv4_fc", {"pooling": "stride_2112", "head_bias": True}),
        ("conv2x2", {"depth": 6, "width": 8}),
        ("mixed_residual", {"width": 16, "stem_stride": 2}), ("convnet", {"width": 32}),
        ("convnet", {"width": 8, "depth": 2}), ("mlp_relu", {"width": 32, "depth": 3}),
    ],
)  # fmt: skip
def test_the_size_is_that_of_the_network(name, arguments):
    """Against the built network: its parameters, and weights times how often they are applied."""
    info = models.info(name)
    given = {k: v.default for k, v in info.arguments.items()} | arguments
    size = info.size(given, SHAPE, 10)
    net = models.build_seeded(name, SHAPE, 10, seed=0, **arguments)
    matrices, seen = weight_matrices(net), patches(net, SHAPE)
    assert size.parameters == pytest.approx(sum(p.numel() for p in net.parameters()), rel=1 / 3)
    multiply_adds = sum(m.rows * m.cols * seen[m.label] for m in matrices)
    assert size.multiply_adds == pytest.approx(multiply_adds, rel=1 / 3)
    assert abs(size.layers - len(matrices)) <= 1  # some count the head, some do not
    headless = info.size(given, SHAPE, 0)
    assert headless.multiply_adds <= size.multiply_adds


def test_what_planning_asks_of_models_loads_no_torch():
    code = (
        "import sys; from implicitbias import models; from implicitbias.base.registry import names;"
        "given = lambda i: {k: a.default for k, a in i.arguments.items()};"
        "infos = [models.info(n) for n in names('models')];"
        "[(i.size(given(i), (3, 32, 32), 10), i.check(given(i), (3, 32, 32))) for i in infos];"
        "print(len(infos), 'torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == [str(len(registry.names("models"))), "False"]


def test_only_models_with_features_say_so():
    have = {name for name in registry.names("models") if models.info(name).features}
    assert have == {"conv2x2", "conv3", "conv4", "conv4_fc", "mlp_bn", "mlp_relu"}
    for name in registry.names("models"):
        net = models.build(name, (1, 16, 16), 3)
        assert hasattr(net, "features") == (name in have)


def test_arguments_that_are_no_network_are_refused():
    with pytest.raises(ValueError, match="pooling: 'mean' is none of max, stride"):
        models.info("conv4_fc").check({"width": 2, "hidden": 4, "pooling": "mean"}, SHAPE)


READINGS = {
    "max": [30, 28, 12, 10], "stride": [30, 14, 12, 5], "stride_2112": [15, 13, 11, 5],
    "stride_2222": [47, 23, 11, 5],
}  # fmt: skip


@pytest.mark.parametrize("pooling", READINGS)
def test_the_six_layer_network_has_the_papers_features_and_count(pooling):
    """3,200 features in all four readings; 3,519,328 weights, with five gains and two biases 7 more
    as printed. Output positions as they were enumerated by hand from the kernels and strides.
    """
    arguments = {"pooling": pooling, "enlarge": 3 if pooling == "stride_2222" else 1}
    net = models.build("conv4_fc", SHAPE, 2, head_bias=True, **arguments)
    weights = [m.rows * m.cols for m in weight_matrices(net)]
    assert weights == [864, 18_432, 73_728, 147_456, 3_276_800, 2_048]
    assert sum(p.numel() for p in net.parameters()) + 5 == 3_519_335
    positions = [seen**0.5 for seen in patches(net, SHAPE).values()]
    assert positions == [*READINGS[pooling], 1, 1]
    homogeneous = models.build("conv4_fc", SHAPE, 2, **arguments)
    assert sum(p.numel() for p in homogeneous.parameters()) == 3_519_328


def test_the_three_layer_network_has_20448_weights_on_kernels_that_do_not_overlap():
    net = models.build("conv3", SHAPE, 2)
    assert [m.rows * m.cols for m in weight_matrices(net)] == [864, 18_432, 1_152]
    assert sum(p.numel() for p in net.parameters()) == 20_448
    assert [seen**0.5 for seen in patches(net, SHAPE).values()] == [10, 3, 1]
    other = models.build("conv3", SHAPE, 2, head_bias=True)
    assert sum(p.numel() for p in other.parameters()) == 20_450


def test_more_convolutions_than_pixels_are_refused():
    net = models.build("conv2x2", (1, 28, 28), 10, depth=8, width=3)
    assert [m.cols for m in weight_matrices(net)] == [4, *[12] * 7, 3 * 20 * 20]
    with pytest.raises(ValueError, match="depth: 8 convolutions of 2x2 leave nothing"):
        models.info("conv2x2").check({"depth": 8, "width": 3}, (1, 8, 9))
