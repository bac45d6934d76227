"""Neural collapse: the exact frame, one perturbation for each metric, and a second implementation.

Statistics come from the accumulator that runs use, the second implementation from the features.
"""

import numpy as np
import pytest
import torch

from implicitbias import metrics
from implicitbias.train.observers import collapse
from implicitbias.train.records import Records

ONE = {
    "NC1": ("nc1", "nc1_quotient", "cdnv"),
    "NC2": ("nc2_equinorm_features", "nc2_equinorm_weights", "nc2_equiangle_features",
            "nc2_equiangle_weights"),
    "NC3": ("nc3",),
    "NC4": ("nc4",),
    "SQI": ("sqi_spread_on", "sqi_spread_off"),
}  # fmt: skip
ALL = [name for names in ONE.values() for name in names]
ZERO = 1e-12  # sums of a few hundred products of order 1 in float64 are off by 1e-14


def simplex(c, d, shift=0.0):
    """c unit vectors (d, c) with cosines -1/(c-1), all moved along a direction outside them."""
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(d, c + 1)))[0]
    frame = basis[:, :c] @ (np.eye(c) - 1 / c) * np.sqrt(c / (c - 1))
    return frame + shift * basis[:, c:]


def measure(h, w, outputs, labels, c, targets="one_hot"):
    """Every metric of features h (N, D), head w (C, D) and outputs (N, C), through the records."""
    found = Records()
    h, w, outputs = (torch.as_tensor(np.asarray(v)) for v in (h, w, outputs))

    def evaluate(index):
        return h[index][None], outputs[index][None]

    collapse.record(
        found, ["r"], 1, 1, evaluate, torch.arange(len(h)), torch.as_tensor(labels), w[None], c,
        targets,
    )  # fmt: skip
    arrays = {a["quantity"]: np.reshape(a["values"], a["shape"]) for a in found.arrays}
    assert set(arrays) == set(collapse.RECORDS["square_sgd"]["arrays"])

    def one(name):
        metric = metrics.resolve(name)
        return float(metric.compute(*(arrays[q][None] for q in metric.needs))[0])

    extra = [n for n in metrics.known() if n.startswith(("nc2_", "nc3", "sqi"))]
    return {name: one(name) for name in [*ALL, *extra]}


def collapsed(c=4, each=5, d=9, eps=0.03):
    """An exact simplex frame with its dual head; outputs that miss symmetrically by eps."""
    means = simplex(c, d, shift=0.7)
    labels = np.repeat(np.arange(c), each)
    outputs = np.eye(c)[labels] * (1 - eps - eps / (c - 1)) + eps / (c - 1)
    return means.T[labels], simplex(c, d).T, outputs, labels, c


def moved(found):
    return {group for group, names in ONE.items() if max(abs(found[n]) for n in names) > 1e-3}


@pytest.mark.parametrize("c", [2, 3, 4, 10])
def test_the_exact_frame_is_the_zero_of_every_metric(c):
    found = measure(*collapsed(c=c, d=c + 5))
    assert max(abs(found[n]) for n in ALL if not n.startswith("sqi")) < ZERO
    # A variance as a difference of squares: the root of round-off, over eps.
    assert max(found[n] for n in ONE["SQI"]) < 1e-6
    assert found["sqi_on_target"] == pytest.approx(0.03, rel=ZERO)
    assert found["sqi_off_target"] == pytest.approx(0.03, rel=ZERO)


def test_noise_about_the_means_moves_nc1_alone():
    h, w, outputs, labels, c = collapsed(each=6)
    offset = np.tile([1.0, -1.0], len(h) // 2)[:, None] * np.linspace(0.05, 0.1, h.shape[1])
    assert moved(measure(h + offset, w, outputs, labels, c)) == {"NC1"}


def test_another_frame_with_its_dual_head_moves_nc2_alone():
    h, _, outputs, labels, c = collapsed()
    frame = simplex(c, h.shape[1]) * [1.0, 1.3, 0.8, 1.1]
    frame -= frame.mean(axis=1, keepdims=True)
    found = measure(frame.T[labels], frame.T, outputs, labels, c)
    assert moved(found) == {"NC2"}
    assert min(found[n] for n in ONE["NC2"]) > 1e-3


def test_equal_norms_and_unequal_angles_are_told_apart():
    """The corners of a disphenoid: four equal norms about their mean, two kinds of angle."""
    _, _, outputs, labels, c = collapsed()
    corners = np.array([[1, 1, 2], [1, -1, -2], [-1, 1, -2], [-1, -1, 2]], dtype=float)
    found = measure(corners[labels], corners, outputs, labels, c)
    assert found["nc2_equinorm_features"] < ZERO < 0.1 < found["nc2_equiangle_features"]


def test_a_rotated_head_moves_nc3_alone():
    h, w, outputs, labels, c = collapsed()
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(h.shape[1],) * 2))[0]
    assert moved(measure(h, w @ turn, outputs, labels, c)) == {"NC3"}


def test_a_bias_that_changes_decisions_moves_nc4_alone():
    h, w, _, labels, c = collapsed()
    logits = h @ w.T + np.array([5.0, 0, 0, 0])
    found = measure(h, w, logits, labels, c)
    assert moved(found) - {"SQI"} == {"NC4"}
    assert found["nc4"] == pytest.approx(0.75)


def test_uneven_residuals_move_sqi_alone():
    h, w, outputs, labels, c = collapsed()
    uneven = outputs + 0.01 * np.random.default_rng(2).normal(size=outputs.shape)
    assert moved(measure(h, w, uneven, labels, c)) == {"SQI"}


def second(h, w, outputs, labels, c):
    """The same from the whole matrices: pinv, loops, explicit norms."""
    mu = np.stack([h[labels == i].mean(0) for i in range(c)])
    dev, m = h - mu[labels], mu - mu.mean(0)
    sw, sb = dev.T @ dev / len(h), m.T @ m / c
    v = [np.mean(np.sum(dev[labels == i] ** 2, axis=1)) for i in range(c)]
    pairs = [(i, j) for i in range(c) for j in range(i)]

    def cosines(a):
        unit = a / np.linalg.norm(a, axis=1, keepdims=True)
        return np.array([unit[i] @ unit[j] for i, j in pairs])

    def dual(a):
        return np.linalg.norm(w.T / np.linalg.norm(w) - a.T / np.linalg.norm(a)) ** 2

    def variation(a):
        norms = np.linalg.norm(a, axis=1)
        return np.std(norms, ddof=1) / norms.mean()

    ncc = [np.argmin([np.linalg.norm(x - a) for a in mu]) for x in h]
    own = np.array([1 - outputs[n, y] for n, y in enumerate(labels)])
    off = np.array([outputs[n, j] for n, y in enumerate(labels) for j in range(c) if j != y])
    return {
        "nc1": np.trace(sw @ np.linalg.pinv(sb, rcond=1e-9)),
        "nc1_quotient": np.trace(sw) / np.trace(sb),
        "cdnv": np.mean([(v[i] + v[j]) / (2 * np.sum((mu[i] - mu[j]) ** 2)) for i, j in pairs]),
        "nc2_equinorm_features": variation(m),
        "nc2_equinorm_features_uncentred": variation(mu),
        "nc2_equinorm_weights": variation(w),
        "nc2_equiangle_features": np.abs(cosines(m) + 1 / (c - 1)).mean(),
        "nc2_equiangle_features_uncentred": np.abs(cosines(mu)).mean(),
        "nc2_equiangle_weights": np.abs(cosines(w) + 1 / (c - 1)).mean(),
        "nc2_equiangle_weights_orthogonal": np.abs(cosines(w)).mean(),
        "nc3": dual(m),
        "nc3_uncentred": dual(mu),
        "nc4": np.mean(ncc != outputs.argmax(1)),
        "sqi_on_target": own.mean(),
        "sqi_off_target": (c - 1) * off.mean(),
        "sqi_spread_on": own.std() / abs(own.mean()),
        "sqi_spread_off": off.std() / abs(off.mean()),
    }


@pytest.mark.parametrize("seed", range(3))
def test_a_second_implementation_agrees_on_unbalanced_random_features(seed):
    rng = np.random.default_rng(seed)
    c, d, n = 5, 11, 1300  # three chunks
    labels = np.sort(rng.choice(c, size=n, p=[0.4, 0.3, 0.15, 0.1, 0.05]))  # chunks lack classes
    h = rng.normal(size=(n, d)) + 3 * rng.normal(size=(c, d))[labels] + 20
    w, outputs = rng.normal(size=(c, d)), rng.normal(size=(n, c))
    found, wanted = measure(h, w, outputs, labels, c), second(h, w, outputs, labels, c)
    assert found == pytest.approx(wanted, rel=1e-9)
    assert set(found) == set(wanted)


@pytest.mark.parametrize("targets", ["centred", "sign"])
def test_outputs_come_to_one_hot_units(targets):
    h, w, outputs, labels, c = collapsed(c=2)
    given = {"centred": outputs - 0.5, "sign": outputs[:, :1] - outputs[:, 1:]}[targets]
    head = {"centred": w, "sign": w[:1]}[targets]
    found = measure(h, head, given, labels, c, targets)
    assert found["sqi_on_target"] == pytest.approx(0.03, rel=1e-12)
    assert found["nc4"] == 0
    assert found["nc3"] < ZERO


def test_two_classes_have_centred_nc2_of_zero_whatever_the_network():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 30)
    found = measure(rng.normal(size=(60, 7)) + 1, rng.normal(size=(2, 7)),
                    rng.normal(size=(60, 2)), labels, 2)  # fmt: skip
    assert found["nc2_equinorm_features"] < ZERO
    assert found["nc2_equiangle_features"] < ZERO
    assert found["nc2_equiangle_features_uncentred"] > 0.1
    assert found["nc1"] > 1


def test_a_diverged_member_is_missing_and_its_neighbour_is_not():
    h, w, outputs, labels, c = collapsed()
    pair = [torch.stack([torch.as_tensor(v)] * 2) for v in (h, outputs, w)]
    pair[0][1, 3] = torch.nan
    found = Records()
    labels = torch.as_tensor(labels)

    def evaluate(index):
        return pair[0][:, index], pair[1][:, index]

    every = torch.arange(len(h))
    collapse.record(found, ["a", "b"], 1, 1, evaluate, every, labels, pair[2], c, "one_hot")
    for run, lost in (("a", False), ("b", True)):
        rows = {r["quantity"]: np.reshape(r["values"], r["shape"]) for r in found.arrays
                if r["run"] == run}  # fmt: skip
        for name in ALL:
            metric = metrics.resolve(name)
            value = metric.compute(*(rows[q][None] for q in metric.needs))[0]
            assert np.isnan(value) == lost, name


def test_coinciding_means_have_no_ratio():
    found = measure(np.ones((8, 3)), np.eye(2, 3), np.eye(2)[[0, 1] * 4], np.array([0, 1] * 4), 2)
    assert np.isnan([found["nc1"], found["nc1_quotient"], found["cdnv"]]).all()
