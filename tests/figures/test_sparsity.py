"""Claims of the two papers on sparsity from tables that are made here, with and without effects."""

import importlib
import itertools

import pandas as pd
import pytest

from implicitbias.base.errors import UserError

CHOU, DINH = "chou2024weightnorm", "dinh2020rvsm"


def verdicts(key, runs):
    """Verdicts by sentence, from (fields, {metric: value at the end}); seeds 0 to 2."""
    rows = []
    for i, ((fields, values), seed) in enumerate(itertools.product(runs, (0, 1, 2))):
        run = {"run": f"r{i}", "seed": seed, "epoch": 9, "step": 9, "layer": "network", **fields}
        rows += [{**run, "metric": m, "value": v} for m, v in values.items()]
    module = importlib.import_module(f"implicitbias.figures.{key.replace('/', '.')}")
    return {c.claim: c.verdict for c in module.claims(pd.DataFrame(rows))}


def sampled(l0, l1):
    """l0 and l1 on the population and on samples: (angle, entries kept) of the samples."""
    runs = []
    for gradient, (penalty, ends) in itertools.product(
        ("population", "full_batch", "minibatch"),
        {"l0": ((1e-12, 10), l0), "l1": ((5e-3, 8), l1)}.items(),
    ):
        angle, kept = ends[gradient != "population"]
        fields = {"gradient": gradient, "penalty": penalty, "beta": 0.004, "cutoff": 0.05}
        runs.append((fields, {"angle": angle, "true_positives": kept, "off_support": 0.0}))
    return verdicts(f"{DINH}/exp_samples", runs)


def test_samples_find_the_populations_limit_or_not():
    # l0 keeps the whole support: both angles are rounding, whatever their ratio
    assert set(sampled((3e-13, 10), (5.2e-3, 8)).values()) == {"holds"}
    assert set(sampled((3e-13, 10), (8e-3, 8)).values()) == {"holds", "fails"}
    found = sampled((4e-3, 9), (5.2e-3, 8))
    same = {text for text in found if "where the support is the population's" in text}
    assert {found[text] for text in same} == {"holds"}
    assert {found[text] for text in found.keys() - same} == {"fails"}


def domains(angle, norm, kept, rise):
    runs = []
    for domain in ("sphere", "free"):
        free = domain == "free"
        values = {
            "angle": angle if free else 0.02, "weight_norm": norm if free else 1.0,
            "nonzeros": kept if free else 7.0, "lagrangian_rise": rise,
            **dict.fromkeys(("residual_stationarity", "residual_balance", "residual_threshold"),
                            rise),
        }  # fmt: skip
        runs.append(({"domain": domain, "penalty": "l1", "beta": 0.01, "cutoff": 0.1}, values))
    return verdicts(f"{DINH}/exp_domain", runs)


def test_domains():
    assert set(domains(0.0201, 0.998, 7, 0.0).values()) == {"holds"}
    wrong = domains(0.021, 0.99, 6, 0.0)
    assert [v for text, v in wrong.items() if "identities" not in text and "Lagr" not in text] == [
        "fails", "fails", "fails",
    ]  # fmt: skip
    with pytest.raises(UserError, match=r"identities \(i\), \(ii\) and \(iv\)' does not hold"):
        domains(0.0201, 0.998, 7, 1e-9)


@pytest.mark.parametrize(
    ("error", "residual", "verdict"),
    [(0.04, 1e-3, "holds"), (0.06, 1e-3, "fails"), (0.04, 2e-2, "not tested"),
     (0.06, float("nan"), "not tested")],
)  # fmt: skip
def test_errors_are_compared_where_every_run_fits_the_measurements(error, residual, verdict):
    runs = [
        ({"rate_ratio": c}, {"reconstruction_error": e, "residual": r})
        for c, e, r in ((None, 0.1, 1e-3), (2.0, error, residual))
    ]
    assert set(verdicts(f"{CHOU}/exp_convergence", runs).values()) == {verdict}


@pytest.mark.parametrize(("error", "verdict"), [(0.04, "holds"), (0.06, "fails")])
def test_sparsity_counts_only_truths_that_basis_pursuit_recovers(error, verdict):
    runs = [
        ({"sparsity": s, "noise": noise, "rate_ratio": c},
         {"reconstruction_error": 0.1 if c is None or noise or s == 20 else error,
          "bp_error": 1e-9 if s < 20 else 0.5})
        for s, noise, c in itertools.product((1, 5, 20), (0.0, 0.01), (None, 5.0))
    ]  # fmt: skip
    assert set(verdicts(f"{CHOU}/exp_sparsity", runs).values()) == {verdict}


def test_forms():
    def found(projected, ratio):
        base = {"stop": 1e-3, "signed": False, "rate_ratio": 5.0, "polar_pairs": 1}
        runs = [({**base, "form": "flow", "eta": 0.01}, 1.0)]
        for form, eta in itertools.product(("projected", "salimans_kingma"), (0.01, 0.08)):
            error = 1.5 if eta > 0.01 else projected if form == "projected" else 1.02
            runs.append(({**base, "form": form, "eta": eta}, error))
        for pairs in (1, 2):
            fields = {"signed": True, "form": "projected", "eta": 0.01, "polar_pairs": pairs}
            runs.append(({**base, **fields}, ratio if pairs == 2 else 1.0))
        ends = [(f, {"reconstruction_error": e, "residual": 1e-3}) for f, e in runs]
        return verdicts(f"{CHOU}/exp_forms", ends)

    assert set(found(1.01, 1.5).values()) == {"holds"}
    wrong = found(1.2, 30.0)
    assert [text for text, verdict in wrong.items() if verdict == "fails"] == [
        "projected: at the smallest step the error is the flow's within a twentieth",
        "two polar pairs end with at most twice the error of one",
    ]


def magnified(excess, over, gap, above):
    def ends(excess, over, gap, above, converged):
        return {
            "excess": excess, "excess_over_bound": over, "excess_bound": 0.2,
            "magnification_gap": gap, "log10_magnification": 1.0 + above,
            "log10_magnification_bound": 1.0, "converged": converged,
        }  # fmt: skip

    fields = {"depth": 2, "rate_ratio": 1.0}
    runs = [(fields, ends(excess, over, gap, above, 1)), (fields, ends(-1.0, 2.0, 1.0, -1.0, 0))]
    return verdicts(f"{CHOU}/exp_magnification", runs)


def test_magnification_leaves_out_flows_that_have_not_arrived():
    good = {"excess": 0.02, "over": 0.1, "gap": 1e-8, "above": 0.1}
    assert set(magnified(**good).values()) == {"holds"}
    for wrong in ({"excess": -1e-3}, {"over": 1.1}, {"gap": 1e-3}, {"above": -0.1}):
        with pytest.raises(UserError, match="exp_magnification: .* does not hold in run"):
            magnified(**good | wrong)
