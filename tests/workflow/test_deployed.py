"""The workflow as snakedeploy deploys it: a module that Snakemake fetches from a git host."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from one_figure import FIGURE
from smoke import ROOT, jobs

# The file that `snakedeploy deploy-workflow` 0.17 writes, but for the shorter config.
DEPLOYED = """
configfile: "config/config.yaml"


module implicitbias:
    snakefile:
        github("somebody/implicitbias", path="workflow/Snakefile", tag="v1")
    config:
        config


use rule * from implicitbias
"""


@pytest.fixture
def host(tmp_path):
    """A git host with the project's workflow at tag v1; the environment that reaches it."""
    work = tmp_path / "work"
    work.mkdir()
    for name in ("workflow", "config"):
        shutil.copytree(ROOT / name, work / name, symlinks=True)
    shutil.copy(ROOT / "config.yaml", work)
    git = ["git", "-C", work, "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"], ["tag", "v1"]):
        subprocess.run([*git, *words], check=True)
    served = tmp_path / "served" / "somebody"
    served.mkdir(parents=True)
    work.rename(served / "implicitbias")
    return {
        **os.environ,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{tmp_path}/served/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
    }


def test_a_workflow_that_was_deployed_by_its_tag_plans_the_same(tmp_path, host):
    folder = tmp_path / "deployed"
    shutil.copytree(ROOT / "config", folder / "config")  # as snakedeploy does: links become files
    (folder / "workflow").mkdir()
    (folder / "workflow" / "Snakefile").write_text(DEPLOYED)
    config = folder / "config" / "config.yaml"
    tree = yaml.safe_load(config.read_text())
    assert not config.is_symlink() and tree["scale"] == "small"
    config.write_text(yaml.safe_dump(tree | {"scale": "smoke", "papers": [FIGURE]}))
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", "--dry-run"],
        cwd=folder, env=host, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = jobs(done)
    assert found["train"] == found["pack"] > 0
    assert found["figure"] == found["measure"] == found["report"] == 1


def test_what_the_catalogue_asks_for_is_there():
    """snakemake-workflow-catalog: adding workflows, standardized usage."""
    assert (ROOT / "workflow" / "Snakefile").is_file()
    assert (ROOT / "config" / "README.md").is_file()
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert {"mandatory-flags", "software-stack-deployment", "report"} <= usage.keys()
    readme = (ROOT / "README.md").read_text().lower()
    assert "snakemake" in readme and "workflow" in readme
    rules = Path(ROOT / "workflow" / "rules").glob("*.smk")
    said = (ROOT / "config" / "README.md").read_text()
    names = [
        line.split()[1].rstrip(":")
        for file in rules
        for line in file.read_text().splitlines()
        if line.startswith("rule ")
    ]
    assert len(names) == 7
    for name in names:
        assert f"| `{name}` |" in said, name
