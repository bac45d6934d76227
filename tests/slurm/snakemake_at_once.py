"""Snakemake that asks SLURM every second how its jobs are.

The plugin waits ten seconds longer after every question that brought nothing new: right for a
cluster, long for a test. Only the process that submits is changed, not the jobs.
"""

import sys

from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor

Executor.next_seconds_between_status_checks = property(lambda self: 1, lambda self, seconds: None)

if __name__ == "__main__":
    sys.exit(main())
