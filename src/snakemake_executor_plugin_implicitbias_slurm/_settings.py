"""The options of the executor, and what Snakemake is to know of it."""

from dataclasses import dataclass, field
from pathlib import Path

from snakemake_interface_executor_plugins.settings import CommonSettings, ExecutorSettingsBase


@dataclass
class ExecutorSettings(ExecutorSettingsBase):
    """The options `--implicitbias-slurm-...`."""

    logdir: Path = field(
        default=Path("logs/slurm"),
        metadata={"help": "Folder of SLURM's logs. Those of jobs that fail stay."},
    )
    queue: int = field(default=100, metadata={"help": "The most jobs in SLURM's queue at once."})
    gather_seconds: int = field(
        default=60,
        metadata={"help": "How long jobs wait for a further one that shares their SLURM job [s]."},
    )


common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=False,
)
