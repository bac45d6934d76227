"""A SLURM cluster of one machine, for tests: `python tests/slurm/one_machine.py up|down FOLDER`.

munge, slurmctld and slurmd of Debian's packages (tests/install.sh), without systemd, on the
loopback interface only. Needs root. GPUs are generic resources whose device files are copies of
/dev/null. Two partitions of the one node, and `urgent`, whose jobs preempt theirs.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

TOOLS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "sinfo")
ETC = Path("/etc/slurm")  # the step launcher drops SLURM_CONF, so the default place it is
FILES = ("slurm.conf", "gres.conf", "cgroup.conf")
HOST = socket.gethostname().split(".")[0]
CPUS, GPUS = 4, 2  # as SLURM counts them, whatever the machine has
PORTS = (16817, 16818)

# cred_expire: a job that is started again waits until its old credential has expired.
# MinJobAge: the queue soon forgets jobs that have ended.
SLURM_CONF = """\
ClusterName=onemachine
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=cred_expire=5
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0,bf_interval=1,sched_interval=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MinJobAge=10
KillWait=10
GresTypes=gpu
SlurmdParameters=config_overrides
NodeName={host} NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} Boards=1 SocketsPerBoard=1 \
CoresPerSocket={cpus} ThreadsPerCore=1 RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=cpu Nodes=ALL Default=YES MaxTime=240 DefaultTime=10 PriorityTier=1 State=UP
PartitionName=gpu Nodes=ALL MaxTime=1440 DefaultTime=10 PriorityTier=1 State=UP
PartitionName=urgent Nodes=ALL MaxTime=1440 DefaultTime=10 PriorityTier=10 State=UP
"""
GRES_CONF = "NodeName={host} Name=gpu File={folder}/run/gpu[0-{last}]\n"
CGROUP_CONF = "CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n"


def missing() -> str:
    """Why a cluster cannot be brought up here; empty if it can."""
    tools = [tool for tool in TOOLS if shutil.which(tool) is None]
    if tools:
        return f"SLURM is not installed (no {', '.join(tools)}): tests/install.sh"
    if os.geteuid() != 0:
        return "only root can start a one-machine SLURM"
    foreign = [f for f in FILES if (ETC / f).exists() and not (ETC / f).is_symlink()]
    if foreign or subprocess.run(["sinfo"], capture_output=True, timeout=60).returncode == 0:
        return "this machine belongs to a SLURM cluster already"
    return ""


def up(folder: Path) -> None:
    """Start the daemons and wait until the node is idle; nothing is left behind on failure."""
    folder = folder.resolve()
    try:
        _configure(folder)
        key, run, log = folder / "etc" / "munge.key", folder / "run", folder / "log"
        key.unlink(missing_ok=True)
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        Path("/run/munge").mkdir(exist_ok=True)
        options = ["--key-file", key, "--seed-file", folder / "etc" / "seed"]
        options += ["--pid-file", run / "munged.pid", "--log-file", log / "munged.log"]
        for command in (["munged", "--force", *options], ["slurmctld"], ["slurmd"]):
            subprocess.run(command, check=True)
        wait_idle()
    except BaseException:
        down(folder)
        raise


def wait_idle() -> None:
    """Until the node takes jobs."""
    deadline = time.monotonic() + 60
    while True:
        done = subprocess.run(["sinfo", "-h", "-o", "%t"], capture_output=True, text=True)
        if set(done.stdout.split()) & {"idle", "mix", "alloc"}:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"the node did not come up: {done.stdout}{done.stderr}")
        time.sleep(0.1)


def _configure(folder: Path) -> None:
    for name in ("state", "spool", "log", "run", "etc"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    for i in range(GPUS):
        device = folder / "run" / f"gpu{i}"
        if not device.exists():
            os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    facts = {"host": HOST, "folder": folder, "ports": PORTS, "memory": max(memory, 16000)}
    texts = {
        "slurm.conf": SLURM_CONF.format(**facts, cpus=CPUS, gpus=GPUS),
        "gres.conf": GRES_CONF.format(**facts, last=GPUS - 1),
        "cgroup.conf": CGROUP_CONF,
    }
    ETC.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / "etc" / name).write_text(text)
        (ETC / name).unlink(missing_ok=True)
        (ETC / name).symlink_to(folder / "etc" / name)


def lose_node(folder: Path) -> None:
    """As when the power fails: slurmd and every process of every job are gone at once."""
    _kill(int((folder / "run" / "slurmd.pid").read_text()))
    for pid in steps():
        for member in [*_descendants(pid), pid]:
            _kill(member)
    update = ["scontrol", "update", f"NodeName={HOST}"]  # else after SlurmdTimeout
    subprocess.run([*update, "State=DOWN", "Reason=lost"], check=True)


def restore_node() -> None:
    """Power is back."""
    subprocess.run(["slurmd"], check=True)
    update = ["scontrol", "update", f"NodeName={HOST}", "State=RESUME"]
    subprocess.run(update, stderr=subprocess.DEVNULL)  # an error where slurmd was quicker to say so
    wait_idle()


def steps() -> list[int]:
    """Process ids of the job steps' supervisors."""
    return [p for p in _pids() if _cmdline(p).startswith("slurmstepd: [")]


def _pids() -> list[int]:
    return [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()]


def _cmdline(pid: int) -> str:
    with contextlib.suppress(OSError):
        return (Path("/proc") / str(pid) / "cmdline").read_text().replace("\0", " ")
    return ""


def _descendants(pid: int) -> list[int]:
    found = []
    with contextlib.suppress(OSError):
        children = Path("/proc") / str(pid) / "task" / str(pid) / "children"
        for child in children.read_text().split():
            found += [int(child), *_descendants(int(child))]
    return found


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def down(folder: Path) -> None:
    """Cancel what runs, stop the daemons by their process ids, take the configuration away."""
    folder = folder.resolve()
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(["scancel", "--user", "root"], capture_output=True, timeout=20)
    deadline = time.monotonic() + 15
    while steps() and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in steps():
        for member in [*_descendants(pid), pid]:
            _kill(member)
    for name in ("slurmd", "slurmctld", "munged"):
        file = folder / "run" / f"{name}.pid"
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
            _stop(int(file.read_text()))
    for name in FILES:
        if (ETC / name).is_symlink() and folder in (ETC / name).readlink().parents:
            (ETC / name).unlink()


def _stop(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    for _ in range(100):
        os.kill(pid, 0)
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("up", "down"):
        sys.exit(__doc__)
    if sys.argv[1] == "up" and (reason := missing()):
        sys.exit(reason)
    {"up": up, "down": down}[sys.argv[1]](Path(sys.argv[2]))
