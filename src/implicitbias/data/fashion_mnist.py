"""Fashion-MNIST: 60,000 + 10,000 pictures of clothes, 28x28 grey, 10 balanced classes.

Mean .2860 and std .3530 are computed from the 60,000 training images scaled to [0, 1].
"""

from __future__ import annotations

from pathlib import Path

from ._readers import IDX_FILES, idx_arrays, idx_spellings, plain, tar, torchvision
from ._routes import DebianPackage, Placed, Urls
from ._sources import look_up
from ._spec import Dataset, Preprocessing, Raw, Report

_HASHES = (
    "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
)
_INSTALLED = "usr/share/datasets/fashion-mnist"
_PACKED = tar(
    {f"{_INSTALLED}/{name}{suffix}": name for name in IDX_FILES for suffix in ("", ".gz")}
)
_ROUTES = (
    Placed({**idx_spellings(), **torchvision("FashionMNIST")}),
    Urls(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        {f"{name}.gz": plain(name) for name in IDX_FILES},
    ),
    DebianPackage("dataset-fashion-mnist", _PACKED),
)


def _build(folder: Path, report: Report) -> Raw:
    wanted = dict(zip(IDX_FILES, _HASHES, strict=True))
    return idx_arrays(look_up(wanted, _ROUTES, folder, report))


DATASET = Dataset(
    name="fashion_mnist",
    image_shape=(1, 28, 28),
    train_sizes=(6000,) * 10,
    test_sizes=(1000,) * 10,
    max_value=255,
    preprocessings={
        "standard": Preprocessing((0.2860,), (0.3530,), "training set, to four digits"),
        # MNIST's statistics, as in that paper's code, not Fashion-MNIST's own.
        "galanti2025rank": Preprocessing((0.1307,), (0.3081,), "Galanti et al. (2025), code", 2),
    },
    licence="MIT",
    source="Xiao, Rasul, Vollgraf (2017): Fashion-MNIST, arXiv:1708.07747",
    content_sha256="6550162b06b60176e81927947b5443b3cf327e219efb153b9be28ac6a9ac5186",
    build=_build,
)
