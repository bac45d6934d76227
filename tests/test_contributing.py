"""CONTRIBUTING.md is true: its files are written into a copy of the project and run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

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


def merged(below, above):
    return {
        k: merged(below[k], v) if isinstance(v, dict) and k in below else v
        for k, v in {**below, **above}.items()
    }
