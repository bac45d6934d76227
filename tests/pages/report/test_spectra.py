"""The page's spectra give the metrics' own ranks, at every tolerance that it has."""

import base64
import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from implicitbias.metrics.numerical_rank import rank_fro, rank_spec
from implicitbias.pages.report import spectra

GRID = spectra.grid([0.0303, 1e-5])
FEW = GRID[::40]


def ranks(s, tolerances=GRID):
    """(2, tolerances, n) by the metrics themselves."""
    return np.array([[norm(s, t) for t in tolerances] for norm in (rank_fro, rank_spec)])


def counted(codes, tolerances):
    """The same from the page's entries: how many are larger than k."""
    return np.array([(codes > k).sum(axis=-1) for k in range(len(tolerances))]).swapaxes(0, 1)


def test_the_grid_has_four_digits_is_fine_and_holds_what_figures_ask_for():
    assert {0.001, 0.0303, 1e-5} <= {*GRID.tolist()}
    usual = spectra.grid()
    assert usual[0] == 1e-4 and 0.99 < usual[-1] < 1 and len(usual) == 2000
    assert (usual[1:] / usual[:-1]).max() < 1.006


def test_counts_are_the_metrics_at_every_tolerance():
    rng = np.random.default_rng(0)
    s = np.sort(10 ** rng.uniform(-6, 1, (20, 30)))[:, ::-1].astype(np.float32)
    assert (counted(spectra.above(s, GRID), GRID) == ranks(s)).all()


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, (2, 4), elements=st.sampled_from([0.0, *FEW.tolist(), 2.0, 1e30])))
def test_values_that_lie_on_a_tolerance_are_counted_as_the_metrics_do(s):
    assert (counted(spectra.above(s, FEW), FEW) == ranks(s, FEW)).all()


def test_a_quotient_that_rounds_over_a_tolerance_does_not_count():
    """Products t * f that divided by f are not t again, and their neighbours."""
    rng = np.random.default_rng(0)
    norm = rng.uniform(1, 4, (400, 1))
    exact = rng.choice(GRID, (400, 1)) * norm
    values = np.hstack([np.nextafter(exact, 0), exact, np.nextafter(exact, 9)])
    wanted = (values[..., None] > GRID * norm[..., None]).sum(axis=-1)
    assert (np.searchsorted(GRID, values / norm) != wanted).any(), (
        "the quotient alone is not enough"
    )
    assert (spectra._count(values, norm, GRID) == wanted).all()


def unpacked(block):
    """Codes (2, runs, epochs, values) read back, entry by entry."""
    data = gzip.decompress(base64.b64decode(block.data))
    half = len(data) // 2
    numbers = [low + 256 * high for low, high in zip(data[:half], data[half:], strict=True)]
    sizes = [layer["size"] for layer in block.index["layers"]]
    ends, found = {*np.cumsum([0, *sizes[:-1]]).tolist()}, []
    for i, change in enumerate(numbers):
        before = 0 if i % sum(sizes) in ends else found[-1]
        found.append((before + change) % 65536)
    first, rest = found[: len(found) // 2], found[len(found) // 2 :]
    both = [first, [(a + b) % 65536 for a, b in zip(first, rest, strict=True)]]
    return np.reshape(both, (2, len(block.index["runs"]), len(block.index["epochs"]), sum(sizes)))


@pytest.fixture
def rows():
    """Two runs, three records, layers of 5 and 2 values; the second run is lost after epoch 0."""
    rng = np.random.default_rng(1)
    found = []
    for run in ("a", "b"):
        for epoch in (0, 2, 9):
            for layer, size in (("layer0", 5), ("head", 2)):
                values = np.sort(rng.uniform(0, 1, size))[::-1]
                lost = run == "b" and epoch
                found.append((run, epoch, layer, layer != "head", values * (np.nan if lost else 1)))
    return pd.DataFrame(found, columns=["run", "epoch", "layer", "averaged", "values"])


def test_a_block_holds_every_record_and_says_what_is_missing(rows):
    block = spectra.block(rows.sample(frac=1, random_state=0), ["a", "b"], GRID, 1)
    names = [layer["name"] for layer in block.index["layers"]]
    codes = unpacked(block)
    for row in rows.itertuples():
        at = block.index["runs"].index(row.run), block.index["epochs"].index(row.epoch)
        sizes = [layer["size"] for layer in block.index["layers"]]
        start = sum(sizes[: names.index(row.layer)])
        here = codes[:, *at, start : start + len(row.values)]
        if np.isnan(row.values).any():
            assert (here == spectra.MISSING).all()
        else:
            assert (here == spectra.above(row.values[None], GRID)[:, 0]).all()
    assert {layer["name"]: layer["averaged"] for layer in block.index["layers"]} == {
        "layer0": True, "head": False,
    }  # fmt: skip


def test_thinning_keeps_the_first_and_the_last_record(rows):
    assert spectra.block(rows[rows["run"] == "a"], ["a"], GRID, 2).index["epochs"] == [0, 9]
    assert spectra.thinned([0, 1, 2, 3], 2) == [0, 2, 3]


def test_the_same_spectra_give_the_same_bytes(rows):
    assert spectra.block(rows, ["a", "b"], GRID, 1) == spectra.block(rows, ["a", "b"], GRID, 1)
