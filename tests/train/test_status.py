"""`python -m implicitbias status`: running packs, told from silent ones by one clock."""

import json
import os
import time
from pathlib import Path

from implicitbias.plan import papers, workflow
from implicitbias.plan.plan import make_plan
from implicitbias.train import status

# What planning reads of a finished training.
FACTS = json.dumps({"seconds": 5.0, "device": "cpu", "resumed": False, "commit": ""})
ROOT = Path(__file__).parents[2]

STATE = {
    "pack": "p", "runs": 3, "epoch": 2, "epochs": 9, "step": 20, "steps": 90,
    "steps_per_second": 5.0, "remaining_s": 120.0, "loss": 0.5, "diverged": 0,
}  # fmt: skip


def progress(results, scale, pack):
    file = results / scale / "packs" / pack / "progress.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({**STATE, "pack": pack}))
    return file


def test_every_running_pack_of_every_scale_has_a_line(tmp_path):
    assert status.lines(tmp_path) == ["no pack is in training"]
    progress(tmp_path, "small", "b")
    progress(tmp_path, "paper", "a")
    progress(tmp_path, "paper", "c").write_text("{half a fi")  # being replaced
    paper, small = status.lines(tmp_path)
    assert paper.startswith("[paper] a: 3 runs, epoch 2/9")
    assert small.startswith("[small] b: ")
    assert "2.0 min left" in small


def test_a_scale_says_what_is_done_failed_and_to_come(tmp_path):
    config, sources = papers.of_scale("smoke", root=ROOT)
    plan = make_plan(config, sources, tmp_path)
    folder = tmp_path / "smoke"
    folder.mkdir()
    (folder / "config.json").write_text(workflow.config_text(plan))
    done, running, failed, stopped = [*plan.packs][:4]
    for name in (done, failed, stopped):
        file = folder / "logs" / "train" / f"{name}.log"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("2026 begun\nerror: memory\x1b does not suffice\n")
    complete = folder / "packs" / done / "records"
    complete.mkdir(parents=True)
    (complete.parent / "pack.json").write_text(plan.packs[done].text)
    for name in ("provenance.json", "scalars.parquet", "arrays.parquet"):
        (complete / name).write_text(FACTS)
    progress(tmp_path, "smoke", running)
    old = progress(tmp_path, "smoke", stopped).stat().st_mtime - 600
    os.utime(folder / "packs" / stopped / "progress.json", (old, old))
    whole, one, *rest = status.lines(tmp_path)
    n = len(plan.packs)
    assert whole.startswith(
        f"[smoke] {n} packs: 1 done, 1 in training, 2 failed, {n - 4} to come; about "
    )
    assert whole.endswith(" left with 1 at once")
    assert one.startswith(f"[smoke] {running}: 3 runs")
    assert [line.partition(": failed: ")[0] for line in rest] == sorted(
        [f"[smoke] {failed}", f"[smoke] {stopped}"]
    )
    assert "failed: memory\\x1b does not suffice (log: " in rest[0]


def test_a_pack_is_silent_by_the_clock_of_the_file_system(tmp_path, monkeypatch):
    file = progress(tmp_path, "small", "b")
    monkeypatch.setattr(time, "time", lambda: 4e9)  # the asking host's clock is years off
    assert "no sign of life" not in status.lines(tmp_path)[0]
    old = file.stat().st_mtime - 600
    os.utime(file, (old, old))
    assert "no sign of life for 10 min" in status.lines(tmp_path)[0]


def test_jobs_of_this_folder_that_wait_in_the_queue_have_a_line(tmp_path, monkeypatch):
    squeue = tmp_path / "squeue"
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    rows = [
        f"implicitbias-1|{here}|Resources|short_cpu_packs_1, rule train",
        f"implicitbias-2|{elsewhere}|Priority|rule_train_wildcards_p",
        f"other|{here}|Priority|an a|b job",
    ]
    squeue.write_text("#!/bin/sh\ncat << END\n" + "\n".join(rows) + "\nEND\n")
    squeue.chmod(0o755)
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    said = status.lines(tmp_path)
    assert said[0] == "[queue] short_cpu_packs_1, rule train: waits (Resources)"
    assert said[1:] == ["no pack is in training"]
