"""CONTRIBUTING.md is true: its files are written into a copy of the project and run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"```(\w+) (\S+)\n(.*?)```", re.DOTALL)


def run(folder, *command):
    env = {
        **os.environ,
        "PYTHONPATH": str(folder / "src"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_addition_works_as_written(tmp_path):
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("workflow", "src"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.egg-info"))
    config = {}
    for language, target, text in FENCE.findall((ROOT / "CONTRIBUTING.md").read_text()):
        if target == "config":
            config = merged(config, yaml.safe_load(text))
        elif language == "yaml":
            with (tmp_path / target).open("a") as file:
                file.write(text)
        else:
            assert not (tmp_path / target).exists()
            (tmp_path / target).write_text(text)
    flipped = tmp_path / "src/implicitbias/data/digits_flipped.py"
    code = (
        "from implicitbias.data import _cache, digits_flipped as d; from pathlib import Path;"
        "print(_cache.content_hash(d.DATASET.build(Path('.'), print)))"
    )
    sha = run(tmp_path, "-c", code).split()[-1]
    flipped.write_text(flipped.read_text().replace("@SHA256@", sha))
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    stem = "results/smoke/figures/galanti2025rank/exp_nuclear"
    run(
        tmp_path, "-m", "snakemake", f"{stem}.svg", "--cores", "1", "--configfile", "mine.yaml",
        "--config", "scale=smoke",
    )  # fmt: skip
    drawn = (tmp_path / f"{stem}.csv").read_text()
    assert "nuclear rank,B = 32,weight_decay,0.01" in drawn
    observed(pd.read_parquet(tmp_path / "results/smoke/tables/galanti2025rank/exp_nuclear.parquet"))
    run(tmp_path, "-c", LEAST_SQUARES)


def observed(table):
    """The observer's scalar is a metric: at the start just below torch's bound 1 / sqrt(inputs)."""
    found = table[table["metric"] == "largest_weight"]
    first = found[(found["layer"] == "layer0") & (found["epoch"] == 0)]["value"]
    assert len(first) == 4
    assert ((first > 0.99 / 8) & (first <= 1 / 8)).all()  # images of 8 x 8
    assert set(found["layer"]) == {"layer0", "layer1", "layer2", "head"}


LEAST_SQUARES = """
from pathlib import Path
from implicitbias.plan import packs, spec
from implicitbias.train import pack, records

runs = [spec.make({"procedure": "least_squares", "seed": s}) for s in (0, 1)]
made = packs.Pack.of(runs)
path = Path("packs") / made.name / "pack.json"
packs.write(path, made.text)
pack.train(path, Path("."), "cpu", 1, 60)
rows = records.read(path.parent / "records" / "scalars.parquet")
ends = rows[rows["step"] == 1000].pivot(index="run", columns="quantity", values="value")
assert len(ends) == 2 and (ends < 1e-6).all(axis=None), ends
assert (rows[rows["step"] == 0]["value"] == 1).all()
"""


def merged(below, above):
    return {
        k: merged(below[k], v) if isinstance(v, dict) and k in below else v
        for k, v in {**below, **above}.items()
    }
