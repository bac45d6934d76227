"""The points of a sweep beside its grid: zip, random samples, and what is refused."""

import math

import pytest

from implicitbias.base.errors import UserError
from implicitbias.plan import config, points
from implicitbias.plan.overlays import Sources
from implicitbias.plan.sweeps import expand

BASE = {"dataset": "digits", "model": "mlp_relu", "batch_size": 32, "epochs": 1}


def sweep(**parts):
    return config.Sweep.model_validate({"base": BASE, "seeds": [0], **parts})


def test_zip_varies_its_fields_together_and_with_the_grid():
    of = sweep(grid={"depth": [2, 3]}, zip={"lr": [0.1, 0.2], "width": [8, 4]}, seeds=[0, 1])
    runs = expand("mine", of, Sources())
    assert len(runs) == points.count(of) == 8
    assert {(s.lr, s.width) for s in runs} == {(0.1, 8), (0.2, 4)}


def test_random_samples_stay_when_more_are_taken_or_a_field_is_added():
    lr = {"log_uniform": [1e-3, 1]}
    few = sweep(random={"samples": 3, "fields": {"lr": lr}})
    more = sweep(random={"samples": 5, "fields": {"width": {"integers": [2, 9]}, "lr": lr}})
    first, second = ([p["lr"] for p in points.points(of)] for of in (few, more))
    assert second[:3] == first and len(set(second)) == 5
    other = sweep(random={"samples": 3, "seed": 1, "fields": {"lr": lr}})
    assert not {*first} & {p["lr"] for p in points.points(other)}


def test_samples_have_the_distribution_that_they_ask_for():
    fields = {
        "u": {"uniform": [2, 4]}, "l": {"log_uniform": [1e-4, 1]}, "i": {"integers": [1, 3]},
        "c": {"choice": ["a", "b"]},
    }  # fmt: skip
    drawn = list(points.points(sweep(random={"samples": 2000, "fields": fields})))
    mean = {k: sum(p[k] for p in drawn) / 2000 for k in ("u", "i")}
    # Five standard errors of a mean of 2000.
    assert mean["u"] == pytest.approx(3, abs=5 * 2 / math.sqrt(12 * 2000))
    assert mean["i"] == pytest.approx(2, abs=5 * math.sqrt(2 / 3 / 2000))
    below = sum(p["l"] < 1e-2 for p in drawn) / 2000  # half of the logarithms
    assert below == pytest.approx(0.5, abs=5 * 0.5 / math.sqrt(2000))
    assert {p["i"] for p in drawn} == {1, 2, 3} and {p["c"] for p in drawn} == {"a", "b"}


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"zip": {"lr": [1.0, 2.0], "width": [1]}}, r"sweeps\.mine\.zip\.width: has 1 values, and"
         " lr 2"),
        ({"zip": {"lr": [1.0]}, "grid": {"lr": [2.0]}}, r"zip\.lr: also comes from grid"),
        ({"random": {"samples": 1, "fields": {"epochs": {"choice": [1]}}}},
         r"base\.epochs: 1 also comes from random"),
        ({"zip": {"seed": [1]}}, r"zip\.seed: also comes from seeds"),
        ({"zip": {"lr": [-1.0]}}, r"zip\.lr: .*-1"),
        ({"random": {"samples": 9999, "fields": {"lr": {"choice": [1.0]}}},
          "grid": {"width": [1, 2, 3]}}, "makes 29997 runs"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(parts, said):
    with pytest.raises(UserError, match=said):
        expand("mine", sweep(**parts), Sources())


@pytest.mark.parametrize(
    "kind",
    [{}, {"uniform": [1, 0]}, {"log_uniform": [0, 1]}, {"uniform": [0, 1], "choice": [1]},
     {"uniform": [0, 1, 2]}, {"normal": [0, 1]}],
)  # fmt: skip
def test_a_distribution_is_one_of_four(kind):
    with pytest.raises(ValueError, match="random"):
        sweep(random={"samples": 1, "fields": {"lr": kind}})
