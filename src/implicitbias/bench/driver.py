"""Run every case in fresh processes, in turns, and write the table and the plot.

The turns are interleaved: round after round of all cases, so that a slow minute of a shared machine
falls on all contenders alike. A case that needs more memory than there is, or longer than
`TIMEOUT`, has no number.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from .. import provenance
from ..allocator import ALLOCATOR
from ..files import replacing, write_text
from ..progress import say
from .cases import CONTENDERS, Case
from .plot import plot

TIMEOUT = 180.0
COLUMNS = ("per_core_second", "per_second", "peak_mb", "spectra_share")
PLACE = ["model", "batch_size", "members", "processes", "contender"]


def run(cases: Sequence[Case], repeats: int, out: Path) -> None:
    """Write throughput.parquet (every repeat), throughput.md (medians) and throughput.svg."""
    rows: list[dict[str, Any]] = []
    for repeat in range(repeats):
        for i, case in enumerate(cases):
            found = timed(case)
            rows.append({**case._asdict(), "repeat": repeat, **found})
            rate = f"{found['per_core_second']:,.0f} samples/core-second" if found else "no number"
            at = f"round {repeat + 1}/{repeats}, {i + 1}/{len(cases)}"
            say(f"{at}: {case.contender} {case.model} B={case.batch_size} K={case.members}: {rate}")
        _write(pd.DataFrame(rows).reindex(columns=[*Case._fields, "repeat", *COLUMNS]), out)


def timed(case: Case) -> dict[str, float]:
    """Mean over its processes, `per_second` summed; {} if one of them has no number."""
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = int(0.8 * available / case.processes)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if case.contender == "ours":  # the others are timed as a user starts them
        environment |= ALLOCATOR
    command = [sys.executable, "-m", "implicitbias.bench.measure", json.dumps(case._asdict())]
    children = [
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
        )
        for _ in range(case.processes)
    ]  # fmt: skip
    try:
        said = [child.communicate(timeout=TIMEOUT)[0] for child in children]
    except subprocess.TimeoutExpired:
        return {}
    finally:
        for child in children:
            child.kill()
            child.wait()
    if any(child.returncode for child in children):
        return {}
    found = pd.DataFrame([json.loads(text) for text in said])
    means = {str(name): float(value) for name, value in found.mean().items()}
    return {**means, "per_second": float(found["per_second"].sum())}


def _write(rows: pd.DataFrame, out: Path) -> None:
    with replacing(out / "throughput.parquet") as temporary:
        rows.to_parquet(temporary, index=False)
    write_text(out / "throughput.md", page(rows))
    plot(summary(rows), out / "throughput")


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per place: median, min and max over repeats, and the ratio to the loop.

    The ratio is the median over repeats of ours over the loop's rate of the same repeat.
    """
    keys = ["model", "batch_size", "processes", "repeat"]
    loop = rows[rows["contender"] == "loop"].set_index(keys)
    for rate in ("per_core_second", "per_second"):
        base = loop[rate].rename("base")
        rows = rows.join(base, on=keys).assign(**{f"{rate}_ratio": lambda t, r=rate: t[r] / t.base})
        rows = rows.drop(columns="base")
    groups = rows.groupby(PLACE, sort=False)
    medians = groups[[*COLUMNS, "per_core_second_ratio", "per_second_ratio"]].median()
    spread = groups["per_core_second"].agg(["min", "max", "count"])
    return medians.join(spread).reset_index()


def page(rows: pd.DataFrame) -> str:
    """The table in Markdown."""
    repeats = rows["repeat"].nunique()
    lines = [
        "# Throughput",
        "",
        f"{provenance.processor()}, {os.cpu_count()} cores; "
        + ", ".join(f"{k} {v}" for k, v in provenance.here("cpu", 1)["packages"].items())
        + f". Fresh processes, one thread each, {repeats} rounds of all cases in turn; medians,"
        " and the range. Samples per second of CPU time, summed over members. `ratio` is to the"
        " loop at the same batch size, which trains one run after another. No number: it did not"
        " fit into memory or took too long.",
        "",
        *(f"- `{name}`: {words}" for name, words in CONTENDERS.items()),
        "",
        "| model | B | K | processes | contender | samples/core-s | range | ratio | ratio in wall"
        " time | peak MB | spectra |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_line(row) for row in summary(rows).to_dict("records")]
    return "\n".join([*lines, ""])


def _line(row: dict[Hashable, Any]) -> str:
    cells = ["no number", "", "", "", "", ""]
    if row["count"]:
        share = row["spectra_share"]
        cells = [
            f"{row['per_core_second']:,.0f}", f"{row['min']:,.0f}-{row['max']:,.0f}",
            f"{row['per_core_second_ratio']:.2f}", f"{row['per_second_ratio']:.2f}",
            f"{row['peak_mb']:,.0f}", "" if pd.isna(share) else f"{100 * share:.2g}%",
        ]  # fmt: skip
    place = [str(row[name]) for name in PLACE]
    return "| " + " | ".join([*place, *cells]) + " |"
