"""The workflow as a module of another Snakefile, as Snakemake's documentation has it."""

import pytest
from dry_run import planned
from one_figure import FIGURE, ROOT, fresh
from snakemake.exceptions import WorkflowError

SNAKEFILE = """
module ib:
    snakefile: "{flow}/Snakefile"
    config: {{"scale": "{scale}", "papers": ["{figure}"]}}

use rule * from ib as ib_*

rule mine:
    default_target: True
    input: "results/{scale}/figures/{figure}.svg"
"""


def host(tmp_path, scale, figure=FIGURE):
    flow, folder = fresh(tmp_path / "flow"), tmp_path / "host"
    folder.mkdir()
    (folder / "Snakefile").write_text(SNAKEFILE.format(flow=flow, scale=scale, figure=figure))
    return flow, folder


@pytest.mark.parametrize("scale", ["smoke", "small", "paper", "published"])
def test_a_module_plans_what_the_workflow_itself_plans(tmp_path, scale):
    flow, folder = host(tmp_path, scale)
    for place in (flow, folder):  # only what is tracked: no table and no figure
        packs = place / "results/published/packs"
        packs.parent.mkdir(parents=True)
        packs.symlink_to(ROOT / "results/published/packs")
    (flow / "config.yaml").write_text(f"scale: {scale}\npapers: [{FIGURE}]")
    target = {f"results/{scale}/figures/{FIGURE}.svg"}
    own = planned(flow, targets=target)
    assert (own.get("train", 0) > 0) == (scale != "published")
    assert planned(folder) == {**{f"ib_{rule}": n for rule, n in own.items()}, "mine": 1}


def test_an_error_in_its_config_is_one_message(tmp_path):
    _, folder = host(tmp_path, "smoke", "galanti2025rank/fig77")
    with pytest.raises(WorkflowError, match=r"^the module's config: papers\.0: .*fig77.*fig07"):
        planned(folder)
