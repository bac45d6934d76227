"""Snakemake's dry runs inside this process: a fraction of a second each, not three."""

import io
from contextlib import redirect_stderr, redirect_stdout

from smoke import counted
from snakemake.api import SnakemakeApi
from snakemake.settings.enums import RerunTrigger
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings

TRIGGERS = frozenset(RerunTrigger.parse_choices_set(["mtime", "params", "input"]))  # the profile's


def planned(folder, config=None, files=(), workdir=None, **options):
    """Rule -> number of jobs that the workflow of `folder` would run; `options`: DAGSettings."""
    said = io.StringIO()
    with (
        redirect_stdout(said),
        redirect_stderr(said),
        SnakemakeApi(OutputSettings(dryrun=True)) as api,
    ):
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(config=config or {}, configfiles=list(files)),
            snakefile=folder / "Snakefile",
            workdir=workdir or folder,
        )
        dag = workflow.dag(DAGSettings(**{"rerun_triggers": TRIGGERS, **options}))
        dag.execute_workflow(executor="dryrun")
    return {rule: n for rule, n in counted(said.getvalue()).items() if rule != "all"}
