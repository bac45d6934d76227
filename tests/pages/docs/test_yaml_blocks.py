"""Every yaml block of README and docs/ is a config of one's own that plans."""

import re

import pytest
from smoke import ROOT

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


def test_the_example_of_the_first_page_trains_only_new_runs_and_measures_one_more(tmp_path):
    before, after = plan_of("{}", tmp_path), plan_of(BLOCKS["docs/start.md 0"], tmp_path)
    fig08, fig09 = (f"galanti2025rank/fig{n}" for n in ("08", "09"))
    assert {*before.figures[fig09].runs} < {*after.figures[fig09].runs}
    assert {*after.figures[fig09].metrics} - {*before.figures[fig09].metrics} == {"rank_fro_2e-2"}
    new = [after.runs[run] for run in after.figures[fig08].runs]
    assert {(s.momentum, s.batch_size) for s in new} == {(0.9, b) for b in (8, 16)}
