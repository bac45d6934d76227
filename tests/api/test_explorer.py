"""The page with a slider has the ranks that the metrics give, at each of its tolerances."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from implicitbias.api import explore
from implicitbias.base.errors import UserError
from implicitbias.metrics import resolve, with_parameter


def arrays(runs=1, epochs=3, values=None):
    rng = np.random.default_rng(0)
    rows = [
        {"run": f"run{r}", "epoch": e, "step": e, "layer": f"layer{i}", "quantity": "spectrum",
         "averaged": i < 2, "values": np.sort(10.0 ** -rng.uniform(0, 6, 9))[::-1]}
        for r in range(runs) for e in range(epochs) for i in range(3)
    ]  # fmt: skip
    if values is not None:
        rows[0]["values"] = values
    return pd.DataFrame(rows)


def data(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_every_rank_is_that_of_the_metric():
    table = arrays()
    found = data(explore.explorer(table).page)
    for i, layer in enumerate(found["runs"][0]["layers"]):
        assert layer["averaged"] == (i < 2)
        for norm in ("fro", "spec"):
            for e in range(3):
                s = table[(table["epoch"] == e) & (table["layer"] == layer["name"])]["values"].iloc[
                    0
                ]
                names = (with_parameter(f"rank_{norm}", t) for t in found["tolerances"])
                assert layer[norm][e] == [resolve(name).compute(s) for name in names]
    assert found["tolerances"][found["first"]] == 1e-3


def test_missing_is_missing_and_names_end_no_script():
    table = arrays(values=np.full(9, np.nan))
    table["layer"] = table["layer"].replace("layer2", "</script><b>")
    page = explore.explorer(table).page
    assert page.count("</script>") == 2
    layer = data(page)["runs"][0]["layers"]
    assert set(layer[0]["fro"][0]) == {None}
    assert layer[2]["name"] == "</script><b>"


def test_many_epochs_are_thinned_and_the_last_stays():
    found = data(explore.explorer(arrays(epochs=500)).page)["runs"][0]["epochs"]
    assert len(found) <= 121
    assert found[0] == 0
    assert found[-1] == 499


def test_nothing_to_show_is_an_error():
    with pytest.raises(UserError, match="no spectra"):
        explore.explorer(arrays().assign(quantity="margins"))
