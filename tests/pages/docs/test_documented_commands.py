"""Every command of README, CONTRIBUTING and docs/ is run, or stands below with what runs it.

Commands are the lines of ```sh blocks, and `code` that begins with make, python, snakemake or pip.
Snakemake's are dry runs here, in a folder where the whole workflow has run at scale smoke; make's
are taken apart by `make --dry-run`; those of python are run.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from smoke import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BEGINS = r"(?:make|python -m|snakemake|pip) "
COMMANDS = re.compile(
    rf"```sh\n(.*?)```|`({BEGINS}[^`]+)`|^    ({BEGINS}[^\n]+)$", re.DOTALL | re.M
)
CLUSTER = ("tests/slurm/test_commands.py", "docs/cluster.md")  # runs that page's block
NO_SCHEDULER = ("docs/cluster.md", "No machine with one of these schedulers was at hand")
# What this file does not run: where it is run, or said that it is not, and words found there.
ELSEWHERE = {
    ". .venv/bin/activate": CLUSTER,
    "python -m implicitbias data fetch cifar10": ("tests/data/test_data_network.py", '"cifar10"'),
    "python -m implicitbias errata": ("tests/pages/test_errata.py", "page("),
    "python -m implicitbias evidence": ("tests/pages/test_evidence.py", "page("),
    "python -m implicitbias report results/small --against results/published":
        ("tests/pages/report/test_compare.py", '"--against"'),
    "python -m http.server -d site": ("tests/pages/docs/test_site.py", '"http.server", "-d", site'),
    'pip install ".[data,workflow]"': ("tests/api/test_study.py", "build_wheel"),
    "cd my_study": ("tests/api/test_study.py", "chdir"),
    "python -m implicitbias runs decay": ("tests/api/test_study.py", '"runs", "decay"'),
    "pip install snakemake-executor-plugin-lsf": NO_SCHEDULER,
    "snakemake --profile workflow/profiles/lsf": NO_SCHEDULER,
    "pip install snakemake-executor-plugin-htcondor": NO_SCHEDULER,
    "snakemake --profile workflow/profiles/htcondor": NO_SCHEDULER,
}  # fmt: skip


def documented():
    """Each command once, comments cut off; the block of docs/cluster.md has a test of its own."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if page.name == "cluster.md":
            text = re.sub(r"```sh\n.*?```", "", text, count=1, flags=re.DOTALL)
        lines = (line for match in COMMANDS.findall(text) for line in "".join(match).splitlines())
        found += [command for line in lines if (command := line.partition(" #")[0].strip())]
    return list(dict.fromkeys(found))


def run(command, folder):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, shell=True, cwd=folder, env={**os.environ, "PATH": path},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_pages_have_the_commands_that_this_file_is_about():
    found = documented()
    assert {"make figures", "make test", "python -m implicitbias status"} <= {*found}
    assert len(found) > 25
    for command, (file, words) in ELSEWHERE.items():
        assert command in found, "no page has it any more"
        assert words in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("command", [c for c in documented() if c not in ELSEWHERE])
def test_it_works(command, made):
    program = shlex.split(command)[0]
    if program == "make":
        assert run(f"{command} --dry-run", ROOT).strip()
    elif program == "snakemake":
        run(f"{command} --dry-run", made)
    else:
        assert program == "python", f"{command}: to be run by a test, or named in ELSEWHERE"
        torch.save({"weight": torch.eye(3)}, made / "net.pt")
        assert run(command, made).strip()
