"""What is timed: networks at the papers' sizes on CIFAR-shaped images, and who trains them."""

from __future__ import annotations

from typing import Any, NamedTuple

INPUT, CLASSES, EXAMPLES = (3, 32, 32), 10, 2048
EPOCH, TEST = 50_000, 10_000  # examples of CIFAR-10
RECORD_EVERY = 10  # epochs between two records of the paper

# The name on the page -> the model and its arguments.
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "MLP-10-100": ("mlp_bn", {"depth": 10, "width": 100}),
    "MLP-5-500": ("mlp_relu", {"depth": 5, "width": 500}),
    "conv4": ("conv4", {}),
    "ResNet-18": ("resnet18", {}),
    "VGG-16": ("vgg16", {}),
    "ViT": ("vit", {}),
}
BATCH_SIZES = (4, 16, 64, 256)
MEMBERS = (1, 4, 16, 64)

CONTENDERS = {
    "loop": "nn.Module, torch.optim.SGD, DataLoader; one process per run",
    "resident": "the same with the data as tensors and no DataLoader",
    "vmap": "torch.func: stacked state, vmap over grad, data as tensors",
    "ours": "a pack through the engine",
    "ours, bfloat16": "the same with matrix products and convolutions in bfloat16",
    "ours, tf32": "the same with matrix products and convolutions in TF32, on a GPU",
}
ON_A_GPU = ("ours, tf32",)
PACKED = tuple(name for name in CONTENDERS if name not in ("loop", "resident"))


class Case(NamedTuple):
    """The timings of one process on one thread: packs of these sizes, one after another."""

    contender: str
    model: str
    batch_size: int
    members: tuple[int, ...]  # ascending
    seconds: float  # of measured CPU time each, on a GPU of wall time, at least two steps
    processes: int = 1  # how many such processes run at once
    device: str = "cpu"


def cases(
    models: list[str],
    batch_sizes: list[int],
    members: list[int],
    seconds: float,
    cores: int,
    contenders: list[str] | None = None,
    device: str = "cpu",
) -> list[Case]:
    """Every contender at every place, side by side; then loops and packs on all cores at once."""
    everyone = [name for name in CONTENDERS if device == "cuda" or name not in ON_A_GPU]
    sizes = tuple(sorted(members))
    made = []
    for model in models:
        for batch in batch_sizes:
            for contender in contenders or everyone:
                packs = sizes if contender in PACKED else (1,)
                made.append(Case(contender, model, batch, packs, seconds, device=device))
            if cores > 1 and device == "cpu":
                usual = (min(sizes, key=lambda k: abs(k - 16)),)
                made.append(Case("loop", model, batch, (1,), seconds, cores))
                made.append(Case("ours", model, batch, usual, seconds, cores))
    return made
