"""One counterexample refutes; a violated theorem ends the job."""

import math

import pandas as pd
import pytest

from implicitbias.analysis.claims import Condition
from implicitbias.analysis.worst import proved, worst
from implicitbias.base.errors import UserError

NOT_MET = Condition("the runs have converged", False, "9 of 10")
WORDS = {"figure": "p2020x/fig01", "id": "i", "claim": "s", "statistic": "a miss", "at_most": 1.0}


def rows(*values, seeds=(0, 1, 2)):
    return pd.DataFrame({"run": [f"r{i}" for i in range(len(values))], "value": values,
                         "seed": [seeds[i % len(seeds)] for i in range(len(values))]})  # fmt: skip


def test_one_run_refutes_what_all_others_have():
    good, bad = (worst(rows(0.1, 0.2, 0.3, v), kind="paper", **WORDS) for v in (0.9, 1.1))
    assert (good.verdict, good.value, good.ci_low, good.ci_high, good.n) == (
        "holds", 0.9, 0.2, 0.9, 3,
    )  # fmt: skip
    assert (bad.verdict, bad.value) == ("fails", 1.1)
    assert good.interval == "range of the largest of each seed"


def test_two_seeds_or_a_missing_value_decide_nothing():
    assert worst(rows(0.1, 9, seeds=(0, 1)), kind="paper", **WORDS).verdict == "undecided"
    lost = worst(rows(0.1, 0.2, math.nan), kind="paper", **WORDS)
    assert (lost.verdict, lost.n, lost.note) == ("undecided", 0, "1 of 3 missing")
    assert worst(rows(), kind="paper", **WORDS).verdict == "undecided"
    unmet = worst(rows(9, 9, 9), kind="paper", regime=[NOT_MET], **WORDS)
    assert unmet.verdict == "not tested"


def test_a_theorem_holds_or_the_job_ends():
    found = proved(rows(0.1, 0.2, 0.3, seeds=(0,)), **WORDS)
    assert (found.kind, found.verdict, found.n) == ("proved", "holds", 3)
    with pytest.raises(UserError, match=r"p2020x/fig01: 's' does not hold in run r1: 1.5 is not"):
        proved(rows(0.1, 1.5, 0.3), **WORDS)
    unmet = proved(rows(0.1, 1.5, 0.3), regime=[NOT_MET], **WORDS)
    assert unmet.verdict == "not tested"
