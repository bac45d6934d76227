"""Run every case in fresh processes, round after round, and write the table and the plots.

The rounds interleave all cases, so that a slow minute of a shared machine falls on all alike. A
further round begins while there is time for it. A pack that needs more memory than there is, or
longer than `LONGEST_CALL` or `TIMEOUT`, has no number.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Hashable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from implicitbias.base import provenance
from implicitbias.base.allocator import ALLOCATOR
from implicitbias.base.files import replacing, write_text
from implicitbias.train.progress import say

from . import plot, together
from .cases import CONTENDERS, Case

TIMEOUT = 300.0
COLUMNS = (
    "per_core_second", "per_second", "ratio", "wall_ratio", "peak_mb", "measuring_share",
    "together",
)  # fmt: skip
PLACE = ["model", "batch_size", "members", "processes", "contender"]


def run(cases: Sequence[Case], rounds: int, minutes: float, out: Path) -> None:
    """Write throughput.parquet (every round), throughput.md (medians) and the plots."""
    rows: list[dict[str, Any]] = []
    start = time.monotonic()
    for done in range(rounds):
        if done and time.monotonic() - start > 60 * minutes * done / (done + 1):
            break  # another round would end too late
        for i, case in enumerate(cases):
            timings = {int(row["members"]): row for row in timed(case)}
            for k in case.members:
                rows.append({**case._asdict(), **timings.get(k, {}), "members": k, "round": done})
            rates = ", ".join(f"K={k}: {r['per_core_second']:,.0f}" for k, r in timings.items())
            at = f"round {done + 1}/{rounds}, {i + 1}/{len(cases)}"
            told = rates or "no number"
            say(f"{at}: {case.contender} {case.model} B={case.batch_size} samples/core-s {told}")
            table = pd.DataFrame(rows).reindex(columns=[*Case._fields, "round", *COLUMNS])
            with replacing(out / "throughput.parquet") as temporary:
                table.to_parquet(temporary, index=False)
        show(table, out)


def scale(out: Path) -> None:
    """Write scaling.parquet and scaling.svg: CPU time against steps and members."""
    command = [sys.executable, "-m", "bench.scaling"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **ALLOCATOR}
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    rows = pd.DataFrame([json.loads(line) for line in said.stdout.splitlines()])
    with replacing(out / "scaling.parquet") as temporary:
        rows.to_parquet(temporary, index=False)
    plot.scaling(rows, out / "scaling")


def timed(case: Case) -> list[dict[str, float]]:
    """A row per size of the pack that fits; of several processes at once, one row."""
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = int(0.8 * available / case.processes)
    if case.device == "cuda":  # which reserves more addresses than it uses
        limit = resource.RLIM_INFINITY
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if case.contender.startswith("ours"):  # the others are timed as a user starts them
        environment |= ALLOCATOR

    def limits() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))

    if case.processes > 1:
        return together.timed(case, environment, limits)
    command = [sys.executable, "-m", "bench.measure", json.dumps(case._asdict())]
    child = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        preexec_fn=limits, start_new_session=True,
    )  # fmt: skip
    return [json.loads(line) for line in _all_said(child).splitlines()]


def _all_said(child: subprocess.Popen[str]) -> str:
    """What a process prints until it ends, however that is, or is stopped after TIMEOUT.

    With it goes the loop beside it, which may be stopped and would stay.
    """
    try:
        return child.communicate(timeout=TIMEOUT)[0]
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        return child.communicate()[0]
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def show(rows: pd.DataFrame, out: Path) -> None:
    """The page and the plot of what has been measured."""
    write_text(out / "throughput.md", page(rows))
    plot.ratios(summary(rows), out / "throughput")


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per place: median, min and max over rounds, and the ratio to the loop.

    The ratio is the median over rounds of that to the loop beside which it ran; where there
    was none, of a rate over the loop's of the same round.
    """
    keys = ["model", "batch_size", "processes", "round"]
    loop = rows[rows["contender"] == "loop"].set_index(keys)
    for rate, by_turns in (("per_core_second", "ratio"), ("per_second", "wall_ratio")):
        rows = rows.join(loop[rate].rename("base"), on=keys)
        rows[f"{rate}_ratio"] = rows[by_turns].fillna(rows[rate] / rows.pop("base"))
    groups = rows.groupby(PLACE, sort=False)
    medians = groups[[*COLUMNS, "per_core_second_ratio", "per_second_ratio"]].median()
    spread = groups["per_core_second"].agg(["min", "max", "count"])
    return medians.join(spread).reset_index()


def page(rows: pd.DataFrame) -> str:
    """The table in Markdown."""
    rounds, on_a_gpu = rows["round"].nunique(), "cuda" in set(rows.get("device", ()))
    load = os.getloadavg()[2]  # of the last quarter of an hour
    lines = [
        "# Throughput",
        "",
        f"{_gpu() if on_a_gpu else ''}{provenance.processor()}, {os.cpu_count()} cores, load"
        f" {load:.1f}; "
        + ", ".join(f"{k} {v}" for k, v in provenance.here("cpu", 1)["packages"].items())
        + f". Fresh processes, one thread each, {rounds} x all cases one after another; medians and"
        f" the range. Samples per second of {'wall' if on_a_gpu else 'CPU'} time, summed over"
        " members. `ratio` is to the"
        " loop at the same batch size, which trains one run after another"
        f"{'' if on_a_gpu else ', alternating with it every second'}. `together`: of several"
        " processes at once, how many alone they come to. No number: it did not fit into memory or"
        " took too long.",
        "",
        *(f"- `{name}`: {CONTENDERS[name]}" for name in dict.fromkeys(rows["contender"])),
        "",
        "| model | B | K | processes | contender | samples/core-s | range | ratio | ratio in wall"
        " time | peak MB | measuring | together |",
        "|" + " --- |" * 12,
    ]
    places = summary(rows)
    lines += [_line(row) for row in places.to_dict("records")]
    return "\n".join([*lines[:2], *glance(places), "", *lines[2:], ""])


def _gpu() -> str:
    import torch

    return f"{torch.cuda.get_device_name()} beside "


def glance(places: pd.DataFrame) -> list[str]:
    """For each network and batch size: the ratio to the loop, of the best and the worst pack."""
    alone = places[(places["processes"] == 1) & (places["count"] > 0)]
    sizes = sorted(alone["batch_size"].unique())
    lines = [
        "Samples per core-second over the loop's: of the best size of a pack (of the worst).",
        "",
        "| | " + " | ".join(f"B = {size}" for size in sizes) + " |",
        "| --- |" + " --- |" * len(sizes),
    ]
    for (model, contender), rows in alone.groupby(["model", "contender"], sort=False):
        if contender != "loop":
            ratios = rows.groupby("batch_size")["per_core_second_ratio"].agg(["max", "min"])
            cells = [
                f"{ratios['max'][size]:.2f} ({ratios['min'][size]:.2f})" if size in ratios.index
                else "" for size in sizes
            ]  # fmt: skip
            lines.append(f"| {model}, {contender} | " + " | ".join(cells) + " |")
    return lines


def _line(row: dict[Hashable, Any]) -> str:
    cells = ["no number", "", "", "", "", "", ""]
    if row["count"]:
        share, all_at_once = row["measuring_share"], row["together"]
        cells = [
            f"{row['per_core_second']:,.0f}", f"{row['min']:,.0f}-{row['max']:,.0f}",
            f"{row['per_core_second_ratio']:.2f}", f"{row['per_second_ratio']:.2f}",
            f"{row['peak_mb']:,.0f}", "" if pd.isna(share) else f"{100 * share:.2g}%",
            "" if pd.isna(all_at_once) else f"{all_at_once:.2f}",
        ]  # fmt: skip
    place = [str(row[name]) for name in PLACE]
    return "| " + " | ".join([*place, *cells]) + " |"
