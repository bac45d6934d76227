"""docs/cluster.md: its commands, run as they stand, give the tables of a run without SLURM."""

import re
import stat
import sys

import pytest
from login_node import ROOT, finished, said

pytestmark = [pytest.mark.slurm, pytest.mark.xdist_group("slurm")]

EDITOR = """\
import pathlib, sys
file = pathlib.Path(sys.argv[1])
text = file.read_text()
for old, new in {
    "cpu: {partition: null, constraint: null, max_minutes: null}":
        "cpu: {partition: cpu, constraint: null, max_minutes: 240}",
    "scratch_dir: null": "scratch_dir: $NODE_DISK/data",
}.items():
    assert text.count(old) == 1
    text = text.replace(old, new)
file.write_text(text)
"""


def commands():
    """The lines of the page's first block."""
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    lines = re.search(r"```sh\n(.*?)```", page, re.DOTALL)[1].splitlines()
    assert len(lines) == 11
    return lines


def script(login):
    """A shell script of the commands."""
    editor = login.folder / "editor"
    editor.write_text(f"#!{sys.executable}\n{EDITOR}")
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    lines = ["set -eu"]
    for line in commands():
        if line.startswith("squeue"):  # as a person does, who looks when there is something to see
            lines.append("until squeue --noheader --me | grep -q .; do sleep 1; done")
        lines += [f"echo '>>> {line.split()[0]}'", line]
    login.environment |= {"EDITOR": str(editor), "NODE_DISK": str(login.folder / "node's disk")}
    return "\n".join([*lines, "wait $!"])


def test_the_commands_of_the_page_and_a_local_run_give_the_same_tables(made, cluster, login):
    output = finished(login.run("bash", "-c", script(login)))
    _, *parts = re.split(r"^>>> (\S+)\n", output, flags=re.MULTILINE)
    said_by = dict(zip(parts[::2], parts[1::2], strict=True))
    planned = int(re.search(r"on a cluster: (\d+) jobs", output)[1])
    # A figure that would wait long for others of its paper is made without them.
    assert planned <= output.count("been submitted with SLURM jobid") < 80
    assert re.search(r"cpu .* (rule_|.*_packs)", said_by["squeue"])
    assert "GPU-hours" in output
    assert "SLURM would take all jobs, of " in output
    tables = sorted(p.relative_to(made) for p in made.glob("results/smoke/tables/*/*.parquet"))
    assert tables == login.tables()
    assert len(tables) >= 50
    for table in tables:
        assert (made / table).read_bytes() == (login.folder / table).read_bytes(), table
    assert (login.folder / "results/smoke/report.html").exists()
    disk = login.folder / "node's disk" / "data"
    assert {"digits.npz", "mnist5k.npz"} <= {p.name for p in disk.iterdir()}
    assert said("squeue", "-h") == ""
