"""A small results tree: two papers, all three verdicts, numbers that are missing, hostile text."""

import json
import math
import re
from pathlib import Path

import pandas as pd

from implicitbias.analysis.claims import Claim, write_claims
from implicitbias.plan import packs, spec
from implicitbias.plan.config import Config
from implicitbias.plan.figure import FigurePlan
from implicitbias.plan.plan import Plan

HOSTILE = '<script>alert("x")</script> \'"><img src=http://evil.example/x onerror=alert(1)>'
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="480" height="220">'
    '<rect width="480" height="220" fill="#fff"/><path d="M40 190L160 120L280 90L440 40"'
    ' fill="none" stroke="#0072B2" stroke-width="3"/></svg>'
)
CSV = """panel,series,x_name,x,mean,low,high,n
B=32,average,weight_decay,1,2,2,2,1
B=64,average,weight_decay,1,3,3,3,1
"""
FACTS = {
    "samples": 1000, "seconds": 41.25, "implicitbias": "0.1.0", "commit": "a" * 40 + "+",
    "python": "3.12.1", "packages": {"torch": "2.10.0", "numpy": "2.1.0"}, "device": "cpu",
    "processor": "Some CPU @ 2 GHz", "cores": 2, "threads": 1,
}  # fmt: skip


def claim(key, verdict, sentence="Rank falls as weight decay grows", **other):
    numbers = {"value": -0.912345, "ci_low": -0.99, "ci_high": -0.8}
    if verdict == "undecided":
        numbers = dict.fromkeys(numbers, math.nan)
    words = "-".join(re.findall("[a-z]+", sentence.lower()))
    cells = {
        "id": words[:40].rstrip("-"), "kind": "paper", "figure": key, "claim": sentence,
        "statistic": "Kendall tau-b; mean over seeds",
        **numbers, "interval": "95%", "threshold": -0.5, "p": math.nan, "regime": (),
        "n": 0 if verdict == "undecided" else 3,
        "verdict": verdict, "reference": "Theorem 1", "note": "", **other,
    }  # fmt: skip
    return Claim(**cells)


def make_spec(seed, weight_decay, lr=0.1):
    return spec.make(
        {
            "dataset": "digits", "model": "mlp_bn", "batch_size": 16, "epochs": 2,
            "seed": seed, "weight_decay": weight_decay, "lr": lr,
        }
    )  # fmt: skip


def put(root, key, claims=None, svg=SVG, table=None):
    if claims is not None:
        write_claims(root / "claims" / f"{key}.json", claims)
    if svg:
        picture = root / "figures" / f"{key}.svg"
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_text(svg)
        picture.with_suffix(".csv").write_text(CSV)
    if table is not None:
        path = root / "tables" / f"{key}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_parquet(path)


def code(root, key, docstring):
    path = root / "code" / f"{key}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"r'''{docstring}'''\nraise RuntimeError('imported')\n")
    return path


def tree(tmp_path):
    """Four figures: all verdicts, holds only, no claims and no picture, nothing at all."""
    results = tmp_path / "results" / "small"
    specs = [make_spec(s, w) for w in (0.0, 1e-3) for s in (0, 1)]
    other = [make_spec(0, 0.0, lr=0.3)]
    made = {p.name: p for p in (packs.Pack.of(specs), packs.Pack.of(other))}
    first, second = made
    for name, pack in made.items():
        packs.write(results / "packs" / name / "pack.json", pack.text)
    for name, started in ((first, "2026-01-02T10:00:00+00:00"),):
        records = results / "packs" / name / "records"
        records.mkdir()
        facts = {"pack": name, "runs": 4, "started": started, **FACTS}
        (records / "provenance.json").write_text(json.dumps(facts))
        for kind in ("scalars", "arrays"):  # as a finished training leaves them, by their names
            (records / f"{kind}.parquet").touch()
    ids, keys = tuple(s.run_id for s in specs), ("alpha2020x/fig02", "alpha2020x/fig10")
    table = pd.DataFrame({"run": ids, "diverged_step": [math.nan, math.nan, math.nan, 40.0]})
    order = ("holds", "undecided", "fails", "holds")
    put(
        results,
        keys[0],
        [claim(keys[0], v, id=f"c{i}", note=HOSTILE) for i, v in enumerate(order)],
        table=table,
    )
    put(
        results, keys[1], [claim(keys[1], "holds", id=name) for name in ("one", "two")], table=table
    )
    put(results, "beta2021y/fig01", [], svg=None)
    words = {
        keys[
            0
        ]: f"Figure 2: rank against weight decay {HOSTILE}.\n\nOurs is\nsmaller.\n\nAt `n<2`.",
        keys[1]: "Figure 10: rank against batch size.",
        "beta2021y/fig01": "Figure 1: a gap.",
        "beta2021y/exp_noise": "Noise, an experiment.",
    }
    figures = {
        key: FigurePlan(key, ids, (first,), ("stable_rank",), code(tmp_path, key, text), "{}")
        for key, text in reversed(words.items())
    }
    last = figures["beta2021y/fig01"]
    figures["beta2021y/fig01"] = FigurePlan(
        last.key, (other[0].run_id, ids[0]), (first, second), last.metrics, last.code, "{}"
    )
    (tmp_path / "code" / "beta2021y" / "__init__.py").write_text('"""Beta et al. (2021)."""\n')
    runs = {s.run_id: s for s in [*specs, *other]}
    return Plan(
        Config(scale="small", figures={}, sweeps={}), Path(results), runs, made, figures, {}
    )
