"""Run ids and pack names are for ever: results that exist must be found again under their names.

golden.json holds, for the scales small and paper, the number of runs of every figure with a hash of
their ids, and the number of runs of every pack; for results/published, every pack with its runs.
`python tests/plan/test_golden.py` writes it anew, for a change on purpose.
"""

import hashlib
import json
from pathlib import Path

import pytest

from implicitbias.plan import packs
from implicitbias.plan.papers import of_scale
from implicitbias.plan.plan import make_plan

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).with_name("golden.json")


def digest(runs):
    return hashlib.sha256(" ".join(sorted(runs)).encode()).hexdigest()[:16]


def planned(scale, results):
    """Figures and packs of a scale without trained packs, optional runs included."""
    plan = make_plan(*of_scale(scale, root=ROOT), results, absent_too=True)
    return {
        "figures": {k: [len(f.runs), digest(f.runs)] for k, f in sorted(plan.figures.items())},
        "packs": {name: len(pack.runs) for name, pack in sorted(plan.packs.items())},
    }


def published():
    files = sorted((ROOT / "results/published/packs").glob("*/pack.json"))
    found = {file.parent.name: [s.run_id for s in packs.specs_of(file)] for file in files}
    return {name: [len(runs), digest(runs)] for name, runs in found.items()}


@pytest.mark.parametrize("scale", ["small", "paper"])
def test_planned_runs_and_packs_keep_their_names(scale, tmp_path):
    assert planned(scale, tmp_path) == json.loads(GOLDEN.read_text())[scale]


def test_published_packs_keep_their_names_and_runs():
    held, found = json.loads(GOLDEN.read_text())["published"], published()
    assert {name: found[name] for name in held} == held


if __name__ == "__main__":
    scales = {scale: planned(scale, Path("none")) for scale in ("small", "paper")}
    GOLDEN.write_text(json.dumps({**scales, "published": published()}, indent=0) + "\n")
