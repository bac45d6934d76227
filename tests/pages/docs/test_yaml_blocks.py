"""Every yaml block of README and docs/ is a config of one's own that plans."""

import re

import pandas as pd
import pytest
from smoke import ROOT, fresh, snakemake

from implicitbias.plan import papers
from implicitbias.plan.plan import make_plan

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = {
    f"{page.relative_to(ROOT)} {i}": text
    for page in PAGES
    for i, text in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL))
    if not text.startswith("# yaml-language-server:")
}


def plan_of(text, folder):
    (folder / "mine.yaml").write_text(text)
    return make_plan(*papers.of_scale("small", [folder / "mine.yaml"], ROOT), folder)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_yaml_block_plans_and_every_sweep_in_it_is_used(block, tmp_path):
    assert plan_of(BLOCKS[block], tmp_path).warnings == ()


def test_the_study_has_as_many_runs_as_it_says(tmp_path):
    plan = plan_of(BLOCKS["docs/own.md 0"], tmp_path)
    n = len(plan.figures["own/rates"].runs)
    assert f"makes 2 x 2 x 10 x 2 = {n} runs" in (ROOT / "docs/own.md").read_text()


def test_the_tutorial_has_as_many_new_runs_as_it_says(tmp_path):
    before, after = plan_of("{}", tmp_path), plan_of(BLOCKS["docs/start.md 0"], tmp_path)
    new = {*after.figures["galanti2025rank/fig08"].runs}
    assert not new & {*before.runs}
    assert f"counts the {len(new)} new runs" in (ROOT / "docs/start.md").read_text()
    assert {after.runs[run].momentum for run in new} == {0.9}


def test_the_tutorial_ends_with_its_figure(tmp_path):
    figure = "galanti2025rank/fig08"
    with (fresh(tmp_path) / "config.yaml").open("a") as config:
        config.write(BLOCKS["docs/start.md 0"])
    snakemake(tmp_path, f"results/smoke/figures/{figure}.svg")
    table = pd.read_parquet(tmp_path / f"results/smoke/tables/{figure}.parquet")
    assert {*table["momentum"]} == {0.9}
    assert {*table["batch_size"]} == {8, 16}
    assert "momentum" in (tmp_path / f"results/smoke/figures/{figure}.svg").read_text()


def test_a_value_more_trains_only_new_runs_and_a_tolerance_more_is_only_measured(tmp_path):
    before, after = plan_of("{}", tmp_path), plan_of(BLOCKS["docs/start.md 1"], tmp_path)
    fig09 = "galanti2025rank/fig09"
    assert {*before.figures[fig09].runs} < {*after.figures[fig09].runs}
    assert {*after.figures[fig09].metrics} - {*before.figures[fig09].metrics} == {"rank_fro_2e-2"}
