"""The page of `load(...).explore()`: its slider moves the tolerance of every rank."""

import numpy as np
import pandas as pd

from implicitbias.api.explore import explorer

SPECTRUM = [1.0, 0.5, 1e-2, 1e-4]
MOVE = """
const slider = document.getElementById("tolerance");
slider.value = JSON.parse(document.getElementById("data").textContent).tolerances
  .findIndex(t => Math.abs(t - arguments[0]) < 1e-9);
slider.dispatchEvent(new Event("input", {bubbles: true}));
return [...document.querySelectorAll("#names span")].map(span => span.textContent);
"""


def test_the_slider_moves_every_rank_and_nothing_is_fetched(browser, tmp_path):
    rows = [
        {"run": "a", "epoch": e, "step": e, "layer": layer, "quantity": "spectrum",
         "averaged": layer != "head", "values": np.array(SPECTRUM[:n])}
        for e in (0, 5, 10) for layer, n in (("one", 4), ("two", 2), ("head", 3))
    ]  # fmt: skip
    path = explorer(pd.DataFrame(rows)).save(tmp_path / "ranks.html")
    browser.open(path)
    for tolerance, (one, two, head, mean) in {
        1e-3: (3, 2, 3, 2.5), 1e-1: (2, 2, 2, 2), 1e-5: (4, 2, 3, 3)
    }.items():  # fmt: skip
        names = browser.run(MOVE, tolerance)
        assert names == [f"— one: {one}", f"— two: {two}", f"— head (not averaged): {head}",
                         f"— average of 2: {mean:g}"]  # fmt: skip
    lines = browser.run("return document.querySelectorAll('#plot polyline').length")
    assert lines == 4
    assert browser.messages() == []
    assert set(browser.requests()) == {path.resolve().as_uri()}
