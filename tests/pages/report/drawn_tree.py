"""A results tree with spectra and collapse metrics, for the drawings: real records, no training."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
from report_tree import FACTS, HOSTILE, claim, code, make_spec

from implicitbias.analysis import tables
from implicitbias.analysis.claims import write_claims
from implicitbias.plan import packs
from implicitbias.plan.config import Config
from implicitbias.plan.figure import FigurePlan
from implicitbias.plan.plan import Plan
from implicitbias.train import records

RANKS = "alpha2020x/fig07"
COLLAPSE = "beta2021y/exp_collapse"
METRICS = ("rank_fro_3e-2", "rank_fro_1e-3", "rank_spec_3e-1")
LAYERS = {"layer0": 40, "layer1": 30, "head": 10}
EPOCHS = (0, 2, 5)


def specs_of():
    """Weight decays x batch sizes x preprocessings x seeds; one preprocessing is hostile text."""
    ways = ("standardised", HOSTILE)
    for decay, size, way, seed in itertools.product((0.0, 1e-3, 1e-2), (16, 64), ways, (0, 1)):
        spec = make_spec(seed, decay).model_copy(update={"batch_size": size, "preprocessing": way})
        yield spec


def lost(spec, epoch):
    """The run that diverges."""
    return spec.seed == 1 and spec.weight_decay == 1e-2 and spec.batch_size == 16 and epoch > 0


def spectrum(spec, epoch, layer):
    """Singular values that fall the faster the more decay, and are unlike from run to run."""
    rng = np.random.default_rng([spec.seed, spec.batch_size, epoch, len(spec.preprocessing)])
    i = np.arange(LAYERS[layer])
    rate = 0.05 + 20 * spec.weight_decay * epoch
    values = np.exp(-rate * i) * rng.uniform(0.5, 1, len(i))
    return np.sort(values)[::-1] * (math.nan if lost(spec, epoch) else 1)


def _records(specs):
    found = records.Records()
    for spec, epoch in itertools.product(specs, EPOCHS):
        if epoch == EPOCHS[1] and lost(spec, epoch):
            found.scalar(spec.run_id, epoch, epoch, "diverged_step", 1)
        for layer, size in LAYERS.items():
            found.array(
                spec.run_id, epoch, epoch, "spectrum", spectrum(spec, epoch, layer), (size, 50),
                layer, averaged=layer != "head",
            )  # fmt: skip
    return found


def collapse(specs):
    """A table of the whole network, as `measure` writes it: nc1 falls, one value is missing."""
    rows = [
        {
            "run": s.run_id, "seed": s.seed, "pack": "", "epoch": e, "step": e,
            "layer": tables.NETWORK, "metric": metric, "diverged_step": math.nan,
            "value": math.nan if lost(s, e) else (1 + s.seed) * 10.0**-e / (1 + (metric == "nc4")),
        }
        for s in specs for e in EPOCHS for metric in ("nc1", "nc4")
    ]  # fmt: skip
    return pd.DataFrame(rows)


def drawn_tree(tmp_path):
    """One rank figure and one on collapse, of the same runs."""
    results = Path(tmp_path) / "results" / "small"
    specs = list(specs_of())
    shapes = itertools.groupby(sorted(specs, key=_shape), key=_shape)
    made = {pack.name: pack for pack in (packs.Pack.of(list(group)) for _, group in shapes)}
    for name, pack in made.items():
        packs.write(results / "packs" / name / "pack.json", pack.text)
        folder = results / "packs" / name / "records"
        _records([s for s in specs if s.run_id in pack.runs]).write(folder)
        facts = {"pack": name, "runs": len(pack.runs), **FACTS}
        (folder / "provenance.json").write_text(
            json.dumps({**facts, "started": "2026-01-02T10:00:00Z"})
        )
    folders = [results / "packs" / name for name in made]
    for key, rows in (
        (RANKS, tables.measure(specs, METRICS, folders)), (COLLAPSE, collapse(specs)),
    ):  # fmt: skip
        tables.write(results / "tables" / f"{key}.parquet", rows)
        write_claims(results / "claims" / f"{key}.json", [claim(key, "holds")])
        numbers = results / "figures" / f"{key}.csv"
        numbers.parent.mkdir(parents=True)
        numbers.write_text(
            "panel,series,x_name,x,mean,low,high,n\nrank,average,weight_decay,1,2,2,2,1\n"
        )
    runs = tuple(s.run_id for s in specs)
    metrics = {RANKS: METRICS, COLLAPSE: ("nc1", "nc4")}
    figures = {
        key: FigurePlan(key, runs, tuple(sorted(made)), metrics[key],
                        code(Path(tmp_path), key, f"Figure of {key} {HOSTILE}."), "{}")
        for key in metrics
    }  # fmt: skip
    return Plan(Config(scale="small", figures={}, sweeps={}), results, {s.run_id: s for s in specs},
                made, figures, {})  # fmt: skip


def _shape(spec):
    return json.dumps(spec.shape(), sort_keys=True)
