"""One small figure as a workflow of its own: seconds, from data to report."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from implicitbias.__main__ import main
from implicitbias.plan import workflow
from implicitbias.train.pack import train

ROOT = Path(__file__).parents[1]
FIGURE = "galanti2025rank/fig07"
BASE = {
    "procedure": "sgd", "dataset": "digits", "n_train": 200, "model": "mlp_bn", "depth": 2,
    "width": 6, "batch_size": 32, "epochs": 3, "record_every": 1, "lr": 0.1,
}  # fmt: skip


# A shell that took this for more than a name would make a file.
HOSTILE = "the 'data'; touch injected; & touch injected & (more)"


def fresh(folder, data_dir="data", **base):
    """The workflow's own files and a config of one figure with two runs."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "Snakefile", folder)
    shutil.copytree(ROOT / "workflow", folder / "workflow")
    (folder / "profiles").symlink_to("workflow/profiles")
    tree = {
        "scale": "smoke",
        "papers": [],
        "data_dir": data_dir,
        "checkpoint_seconds": 0.5,
        "figures": {
            FIGURE: {
                "runs": [{"sweep": "one"}],
                "metrics": ["rank_fro_3e-2", "rank_fro_1e-3", "train_accuracy", "test_accuracy"],
            }
        },
        "sweeps": {
            "one": {"base": {**BASE, **base}, "grid": {"weight_decay": [0, 0.1]}, "seeds": [0]}
        },
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(tree))
    return folder


OTHER = "galanti2025rank/fig09"


def several(folder, **base):
    """Three packs: FIGURE takes those of batch sizes 16 and 32, OTHER that of 64."""
    fresh(folder, **base)
    file = folder / "config.yaml"
    tree = yaml.safe_load(file.read_text())
    base = {key: v for key, v in tree["sweeps"]["one"]["base"].items() if key != "batch_size"}
    for name, sizes in {"one": [16, 32], "two": [64]}.items():
        tree["sweeps"][name] = {
            "base": base,
            "grid": {"batch_size": sizes, "weight_decay": [0, 0.1]},
            "seeds": [0],
        }
    tree["figures"][OTHER] = {**tree["figures"][FIGURE], "runs": [{"sweep": "two"}]}
    file.write_text(yaml.safe_dump({**tree, "retries": 1}))
    return folder


def packs_by_batch(folder):
    """Batch size -> the folder of its pack, of those that are written."""
    found = {}
    for file in folder.glob("results/smoke/packs/*/pack.json"):
        run, *_ = json.loads(file.read_text())["runs"].values()
        found[run["batch_size"]] = file.parent
    return found


def train_log(pack):
    """What the training of a pack said so far."""
    file = pack.parents[1] / "logs" / "train" / f"{pack.name}.log"
    return file.read_text() if file.exists() else ""


def by_verbs(folder):
    """Make all of `fresh` as Snakemake does, verb by verb in this process; the pack's name."""
    here = Path.cwd()
    os.chdir(folder)
    try:
        plan = workflow.plan(yaml.safe_load(Path("config.yaml").read_text()), ["config.yaml"])
        ((name, pack),) = plan.packs.items()
        home = plan.results
        config, table = home / "config.json", home / f"tables/{FIGURE}.parquet"
        home.mkdir(parents=True)
        config.write_text(workflow.config_text(plan) + "\n")
        file, provenance = (
            home / f"packs/{name}/{part}" for part in ("pack.json", "records/provenance.json")
        )
        figure = plan.figures[FIGURE]
        for words in (
            ["pack", "--text", pack.text, file],
            ["data", "fetch", "digits"],
            ["measure", "--definition", figure.definition, "--out", table, provenance],
            ["figure", FIGURE, "--scale", "smoke", "--table", table, "--claims",
             home / f"claims/{FIGURE}.json", "--out", home / f"figures/{FIGURE}.svg",
             "--metrics", *figure.metrics],
            ["report", config, "--published", "results/published"],
        ):  # fmt: skip
            if words[0] == "measure":
                train(file, Path("data"), "cpu", 1, 60)
            assert main([str(word) for word in words]) == 0
        return name
    finally:
        os.chdir(here)


def start(folder, *arguments, where=()):
    """Snakemake in a session of its own, so that it can be killed with all its jobs.

    Its environment is not activated: jobs find their Python without. `where` is a command that
    runs it elsewhere.
    """
    path = "/usr/local/bin:/usr/bin:/bin"
    return subprocess.Popen(
        [*where, sys.executable, "-m", "snakemake", "--cores", "1", *arguments],
        cwd=folder, start_new_session=True, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def finish(process, code=0):
    """What it said; its exit code must be `code`."""
    said = process.communicate(timeout=300)[0]
    assert process.returncode == code, said
    return said


def results(folder):
    """Tables, claims and figures, by path."""
    home = folder / "results" / "smoke"
    files = [p for kind in ("tables", "claims", "figures") for p in (home / kind).rglob("*.*")]
    return {str(p.relative_to(home)): p.read_bytes() for p in files if p.suffix != ".made"}
