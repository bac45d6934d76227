"""The benchmark times what it says, in processes of its own."""

import pandas as pd
import pytest
import torch
from torch.nn import functional

from implicitbias.bench import contenders, driver
from implicitbias.bench.cases import Case, cases


def test_every_contender_stands_at_every_place():
    found = cases(["MLP-10-100"], [4, 16], [1, 4], 0.1, cores=2)
    alone = [c for c in found if c.processes == 1]
    assert {(c.contender, c.members) for c in alone} == {
        ("loop", 1), ("resident", 1), ("vmap", 1), ("vmap", 4), ("ours", 1), ("ours", 4),
    }  # fmt: skip
    assert {c.contender for c in found if c.processes == 2} == {"loop", "ours"}


def test_a_round_writes_a_table_with_ratios(tmp_path, monkeypatch):
    alike = {"model": "MLP-10-100", "batch_size": 4, "seconds": 0.05}
    chosen = [
        Case(contender="loop", members=1, **alike),
        Case(contender="ours", members=2, **alike),
    ]
    driver.run(chosen, 2, tmp_path)
    rows = pd.read_parquet(tmp_path / "throughput.parquet")
    assert len(rows) == 4
    assert (rows["per_core_second"] > 0).all()
    assert (rows["peak_mb"] > 50).all()
    ratios = driver.summary(rows).set_index("contender")["per_core_second_ratio"]
    assert ratios["loop"] == 1
    assert ratios["ours"] > 0
    assert "| MLP-10-100 | 4 | 2 | 1 | ours |" in (tmp_path / "throughput.md").read_text()
    assert (tmp_path / "throughput.svg").stat().st_size > 0


def test_what_does_not_fit_has_no_number_and_the_rest_goes_on(monkeypatch):
    monkeypatch.setattr(driver, "TIMEOUT", 0.01)
    assert driver.timed(Case("loop", "MLP-10-100", 4, 1, 0.05)) == {}
    rows = pd.DataFrame(
        [["loop", 10.0], ["ours", None]], columns=["contender", "per_core_second"]
    ).assign(model="a", batch_size=4, members=1, processes=1, repeat=0, per_second=1.0,
             peak_mb=1.0, spectra_share=0.0)  # fmt: skip
    assert "| a | 4 | 1 | 1 | ours | no number |" in driver.page(rows)


def test_ensembling_trains_as_sgd_does(monkeypatch):
    """The vmap contender is no straw man that skips work: its steps are torch.optim.SGD's."""
    batch = torch.arange(64)  # at 4, rounding grows a thousandfold a step through batch norm
    monkeypatch.setattr(contenders, "_batches", lambda size: iter(lambda: batch, None))
    kept = {}
    stack = contenders.stack_module_state
    monkeypatch.setattr(
        contenders, "stack_module_state", lambda nets: kept.setdefault("state", stack(nets))
    )
    step = contenders.ensemble("MLP-10-100", 64, 1)
    [net] = contenders.networks("MLP-10-100", 1)
    x, y = contenders.images()
    optimiser = torch.optim.SGD(
        net.parameters(), lr=contenders.LR, weight_decay=contenders.WEIGHT_DECAY
    )
    for _ in range(3):
        step()
        optimiser.zero_grad()
        functional.cross_entropy(net(x[batch]), y[batch]).backward()
        optimiser.step()
    weights, _ = kept["state"]
    for name, w in net.named_parameters():
        torch.testing.assert_close(weights[name][0], w, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("contender", contenders.WITHOUT_ENGINE)
def test_contenders_step(contender):
    contenders.WITHOUT_ENGINE[contender]("MLP-10-100", 4, 1)()
