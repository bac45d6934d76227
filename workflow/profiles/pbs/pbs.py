"""Submits a job to PBS, or says how one is: `pbs.py submit JOBSCRIPT`, `pbs.py status JOBID`.

PBS Pro's and OpenPBS's qsub and qstat (their reference guide, "qsub" and "qstat -f -F json"). What
a job asks for stands in its script, where Snakemake writes it: minutes (runtime), mem_mb, cores
(threads), and for packs on a GPU their number; the names of partition and account are those of the
SLURM plugin, and mean queue and account here.
"""

import json
import os
import subprocess
import sys

from snakemake.utils import read_job_properties


def request(properties):
    """The options of qsub for the properties of a job."""
    asked = properties["resources"]
    name = "-".join(["implicitbias", *map(str, properties.get("wildcards", {}).values())])
    chunk = f"select=1:ncpus={properties['threads']}:mem={asked['mem_mb']}mb"
    if asked.get("gpu"):
        chunk += f":ngpus={asked['gpu']}"
    hours, minutes = divmod(int(asked.get("runtime", 60)), 60)
    options = ["-N", name[:230], "-j", "oe", "-o", "logs/pbs/", "-l", chunk]
    options += ["-l", f"walltime={hours}:{minutes:02d}:00"]
    for option, key in (("-q", "slurm_partition"), ("-A", "slurm_account")):
        if asked.get(key):
            options += [option, str(asked[key])]
    return options


def submit(script):
    """Its id in the queue."""
    os.makedirs("logs/pbs", exist_ok=True)
    command = ["qsub", *request(read_job_properties(script)), script]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


def status(job):
    """`running` also while it waits; -x asks for jobs that have ended as well."""
    command = ["qstat", "-x", "-f", "-F", "json", job]
    done = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)
    (facts,) = json.loads(done.stdout)["Jobs"].values()
    if facts["job_state"] not in ("F", "X"):
        return "running"
    return "success" if facts.get("Exit_status") == 0 else "failed"


if __name__ == "__main__":
    print({"submit": submit, "status": status}[sys.argv[1]](sys.argv[2]))
