"""`python -m implicitbias status`: running packs, told from silent ones by one clock."""

import json
import os
import time

from implicitbias.train import status

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


def test_a_pack_is_silent_by_the_clock_of_the_file_system(tmp_path, monkeypatch):
    file = progress(tmp_path, "small", "b")
    monkeypatch.setattr(time, "time", lambda: 4e9)  # the asking host's clock is years off
    assert "no sign of life" not in status.lines(tmp_path)[0]
    old = file.stat().st_mtime - 600
    os.utime(file, (old, old))
    assert "no sign of life for 10 min" in status.lines(tmp_path)[0]
