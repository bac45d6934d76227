"""The workflow killed at random points, signalled, and started twice; by seeds, so repeatable."""

import json
import multiprocessing
import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from one_figure import FIGURE, HOSTILE, finish, fresh, results, start

from implicitbias.__main__ import main
from implicitbias.plan import config
from implicitbias.plan.plan import make_plan

LONG = {"epochs": 700, "record_every": 700}  # seconds of training


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run, in a folder with spaces and quotes, and its wall time."""
    folder = fresh(tmp_path_factory.mktemp("whole") / """it's "a" place""", HOSTILE)
    begin = time.monotonic()
    finish(start(folder))
    found = results(folder)
    assert len(found) == 6
    assert (folder / HOSTILE / "digits.npz").exists()
    assert not list(folder.rglob("injected"))
    assert (folder / "results/smoke/report.html").stat().st_size > 10_000
    return folder, found, time.monotonic() - begin


def same_so_far(folder, found):
    """Whatever is there under its name is whole."""
    there = results(folder)
    parts = {name for name in there if name.endswith(".part")}
    assert not {name for name in there.keys() - parts if there[name] != found[name]}
    return len(there.keys() - parts)


def until(wanted, process, what):
    """Wait for something that a running Snakemake brings about."""
    for _ in range(1200):
        assert process.poll() is None, process.communicate()[0]
        if found := wanted():
            return found
        time.sleep(0.05)
    raise AssertionError(f"no {what} after a minute")


def trainer(folder):
    """The process that trains in this folder; Snakemake's own have the same words elsewhere."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if words[1:4] == [b"-m", b"implicitbias", b"train"] and os.path.samefile(
                entry / "cwd", folder
            ):
                return int(entry.name)
    return None


def sharing(folder, *names, **base):
    """Checkouts with one folder of results."""
    clones = [fresh(folder / name, **base) for name in names]
    (folder / "results").mkdir()
    for clone in clones:
        (clone / "results").symlink_to(folder / "results")
    return clones


def test_snakemake_killed_at_random_points_ends_with_the_same_bytes(tmp_path, whole):
    """In one of two checkouts after another, on the same results: nothing is lost or repeated."""
    _, found, seconds = whole
    clones, dice, depths = sharing(tmp_path, "one", "other"), random.Random(7), []
    for attempt in range(4):
        folder = clones[attempt % 2]
        process = start(folder)
        with suppress(Exception):
            process.wait(dice.uniform(0.2, 0.7) * seconds)
        # Now and then its jobs outlive it.
        with suppress(ProcessLookupError):  # it may be done already
            os.killpg(process.pid, signal.SIGKILL) if attempt != 2 else process.kill()
        process.communicate()
        depths.append(same_so_far(folder, found))
        if list((folder / ".snakemake/locks").glob("*")):
            finish(start(folder, "--unlock"))
    finish(start(clones[0]))
    assert results(clones[0]).items() >= found.items(), depths
    for log in (tmp_path / "results/smoke/logs/train").iterdir():
        assert log.read_text().count("complete after") <= 1


def verbs(folder):
    """The commands of the last three rules, with outputs in another folder than the workflow's."""
    plan = make_plan(*config.load([folder / "config.yaml"]), folder / "results")
    figure, home = plan.figures[FIGURE], folder / "results/smoke"
    records = [str(p) for p in sorted(home.glob("packs/*/records/*s.parquet"))]
    table = home / "tables" / f"{FIGURE}.parquet"
    claims = home / "claims" / f"{FIGURE}.json"
    svg = home / "figures" / f"{FIGURE}.svg"
    return {
        "measure": ["measure", "--definition", figure.definition, "--out", str(table), *records],
        "figure": ["figure", FIGURE, "--scale", "smoke", "--table", str(table),
                   "--claims", str(claims), "--out", str(svg), "--metrics", *figure.metrics],
        "report": ["report", str(home / "config.json"), "--out", str(home / "report.html")],
    }  # fmt: skip


@pytest.mark.parametrize("verb", ["measure", "figure", "report"])
def test_a_killed_verb_leaves_nothing_half_written(whole, verb, monkeypatch):
    """Eight kills -9 of processes in which everything is imported, so that they hit the work."""
    folder, found, _ = whole
    monkeypatch.chdir(folder)
    report = Path("results/smoke/report.html")
    page = report.read_bytes()
    outputs = {
        "measure": [Path("results/smoke/tables") / f"{FIGURE}.parquet"],
        "figure": [Path("results/smoke") / n for n in found if not n.startswith("tables")],
        "report": [report],
    }[verb]
    command, dice = verbs(folder)[verb], random.Random(verb)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "implicitbias.analysis.tables",
            "implicitbias.figures.galanti2025rank.fig07",
            "implicitbias.pages.report",
        ]
    )

    def within(seconds):
        process = context.Process(target=main, args=(command,))
        process.start()
        process.join(seconds)
        process.kill()
        process.join()
        return process.exitcode

    assert within(120) == 0  # also starts the server, which is not timed
    begin = time.monotonic()
    assert within(120) == 0
    seconds, deaths, tries = time.monotonic() - begin, 0, 0
    while deaths < 8:
        for path in outputs:
            path.unlink(missing_ok=True)
        deaths += within(dice.uniform(0, seconds)) == -signal.SIGKILL
        same_so_far(folder, found)
        assert not report.exists() or report.read_bytes() == page
        tries += 1
        assert tries < 80, "the kills must hit the work"
    assert main(command) == 0
    assert results(folder).items() >= found.items()
    assert report.read_bytes() == page


def test_a_terminated_training_is_resumed_by_the_same_snakemake(tmp_path):
    folder, calm = fresh(tmp_path / "hurried", **LONG), fresh(tmp_path / "calm", **LONG)
    process = start(folder)
    pid = until(lambda: trainer(folder), process, "training")
    until(lambda: list(folder.rglob("checkpoint.pt")), process, "checkpoint")
    os.kill(pid, signal.SIGTERM)
    said = finish(process)
    assert "Trying to restart job" in said
    finish(start(calm))
    assert results(folder) == results(calm)
    facts = [
        json.loads(next(f.rglob("provenance.json")).read_text())["resumed"] for f in (folder, calm)
    ]
    assert facts == [True, False]


def test_what_cannot_be_trained_is_tried_a_bounded_number_of_times(tmp_path):
    """A deterministic error costs seconds, not for ever: retries do not multiply."""
    folder = fresh(tmp_path)
    (folder / "data").mkdir()
    (folder / "data/digits.npz").write_bytes(b"not data")
    said = finish(start(folder), code=1)
    assert len(re.findall("Error in rule train", said)) <= 6  # each attempt says it up to twice
    assert "digits.npz" in said
    assert "Traceback" not in said


# Another host name, and process ids that begin anew: as on a second machine, or in a container.
ELSEWHERE = ("unshare", "--uts", "--pid", "--fork", "--mount-proc", "sh", "-c",
             'hostname elsewhere && exec "$0" "$@"')  # fmt: skip


def test_a_second_snakemake_or_trainer_also_of_another_machine_says_so_and_stops(tmp_path):
    """A Snakemake in the same directory, one of another checkout on the same results, a trainer."""
    folder, other = sharing(tmp_path, "one", "other", **LONG)
    where = ELSEWHERE if not subprocess.run([*ELSEWHERE, "true"]).returncode else ()
    first = start(folder)
    until(lambda: list(tmp_path.glob("results/*/packs/*/progress.json")), first, "training")
    pid = trainer(folder)
    os.kill(pid, signal.SIGSTOP)  # the first one is at work for as long as the second looks
    try:
        said = finish(start(folder, where=where), code=1)
        said_there = finish(start(other, where=where), code=1)
        (pack,) = tmp_path.glob("results/*/packs/*/pack.json")
        train = [*where, sys.executable, "-m", "implicitbias", "train", pack]
        second = subprocess.run(train, cwd=folder, capture_output=True, text=True)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert "Directory cannot be locked" in said
    host = os.uname().nodename
    assert f"results/smoke is being made by {host}, process {first.pid}, since 2" in said_there
    assert f"is being trained by {host}, process {pid}, since 2" in second.stderr
    assert "Traceback" not in said + said_there + second.stderr
    finish(first)
    assert len(results(folder)) == 6
