"""Claims that one counterexample refutes."""

import pandas as pd
import pytest

from implicitbias.figures._worst import worst


def judged(values, **fields):
    rows = pd.DataFrame({"seed": range(len(values)), "value": values})
    return worst(rows, figure="f", id="i", claim="c", statistic="s", at_most=1.0, **fields)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [([0.1, 1.0], "holds"), ([0.1, 1.1, 0.2], "fails"), ([0.5], "undecided"),
     ([0.1, float("nan")], "undecided"), ([], "undecided")],
)  # fmt: skip
def test_one_counterexample_is_enough(values, verdict):
    assert judged(values).verdict == verdict
