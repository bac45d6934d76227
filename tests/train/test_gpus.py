"""One GPU for each training, with stand-ins for the devices: names in CUDA_VISIBLE_DEVICES."""

import os
import signal
import tempfile
import time
from pathlib import Path

import pytest

from implicitbias.train import gpus

SCHEDULER = "SLURM_JOB_ID"


@pytest.fixture
def four(tmp_path, monkeypatch):
    """Four visible devices and a folder of locks of its own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(gpus, "_ASK_EVERY_S", 0.02)
    monkeypatch.setenv(gpus.VISIBLE, "0,1,2,3")
    for name in gpus._SCHEDULERS:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def child(work):
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
        os._exit(0)
    except BaseException:
        os._exit(1)


def alive(pid):
    """Whether a process runs; one that has died and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition):
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come about within 30 s")


def test_eight_packs_and_two_kills_on_four_devices(four):
    """Never two on one: a device's file names a process that has ended. None idle: the first four
    wait for each other while they hold their devices, and so do the next four."""
    holders, go = four / "holders", four / "go"
    holders.mkdir()

    def pack():
        with gpus.taken() as name:
            assert os.environ[gpus.VISIBLE] == name
            file = holders / name
            assert not file.exists() or not alive(int(file.read_text()))
            file.write_text(str(os.getpid()))
            until(go.exists)
            file.unlink()

    def held():
        files = [int(f.read_text() or 0) for f in holders.iterdir()]
        return {pid for pid in files if pid and alive(pid)}

    first = [child(pack) for _ in range(4)]
    until(lambda: held() == {*first})
    second = [child(pack) for _ in range(4)]
    time.sleep(0.2)
    assert held() == {*first}
    for pid in first[:2]:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    until(lambda: len(held()) == 4)
    assert held() > {*first[2:]}
    go.touch()
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in (*first[2:], *second)]
    assert codes == [0] * 6
    assert os.environ[gpus.VISIBLE] == "0,1,2,3"


def test_waiting_is_said_once(four, monkeypatch, capsys):
    monkeypatch.setenv(gpus.VISIBLE, "7")
    monkeypatch.setattr(time, "sleep", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with gpus.taken() as name, pytest.raises(KeyboardInterrupt), gpus.taken():
        pass
    assert name == "7"
    assert "all of 1 GPUs (7) train packs: waiting for one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "names"),
    [("0,1", ["0", "1"]), ("GPU-1a, MIG-2/3", ["GPU-1a", "MIG-2/3"]), ("", []), ("2,-1,3", ["2"])],
)
def test_visible_devices_are_those_of_cuda(monkeypatch, given, names):
    monkeypatch.setenv(gpus.VISIBLE, given)
    assert gpus.visible() == names


def test_the_device_that_a_scheduler_gave_is_taken_as_it_is(four, monkeypatch):
    """Two jobs of a node may both see theirs as 0."""
    monkeypatch.setenv(gpus.VISIBLE, "0")
    monkeypatch.setenv(SCHEDULER, "17")
    with gpus.taken() as one, gpus.taken() as other:
        assert one is other is None
        assert os.environ[gpus.VISIBLE] == "0"


def test_several_devices_of_a_schedulers_job_are_shared_out(four, monkeypatch):
    monkeypatch.setenv(SCHEDULER, "17")
    with gpus.taken() as one:
        monkeypatch.setenv(gpus.VISIBLE, "0,1,2,3")
        with gpus.taken() as other:
            assert {one, other} == {"0", "1"}
