"""What one machine with a GPU does in a few minutes: `make gpu`, or `MINUTES=9 make gpu`.

The following is done in this order, as far as the minutes reach: the tests of the CUDA paths; the
throughput of three networks against the baseline loop; runs of the papers at their own protocol,
one seed after another, the most informative runs first. A training that is running at the end
writes its checkpoint, from which the next call continues. Needs torch with CUDA and the package's
dependencies, but no Snakemake.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from implicitbias.base import provenance
from implicitbias.base.allocator import ALLOCATOR
from implicitbias.base.errors import UserError
from implicitbias.base.files import digest, write_text
from implicitbias.plan import packs, papers
from implicitbias.plan.plan import make_plan
from implicitbias.plan.spec import RunSpec

ROOT = Path(__file__).parents[1]
# Figures in order of value, and which of their runs.
ORDER: tuple[tuple[str, Callable[[RunSpec], bool]], ...] = (
    ("xu2023dynamics/fig03", lambda run: True),
    ("xu2023dynamics/fig05", lambda run: True),
    ("xu2023dynamics/fig10", lambda run: True),
    *((f"galanti2025rank/fig0{n}", lambda run: 16 <= getattr(run, "batch_size", 0) <= 128)
      for n in (2, 3, 4)),
)  # fmt: skip
SEEDS = (0, 1, 2)
SAVING_S = 40.0  # kept for the last checkpoint
TRAIN = """
import sys
from pathlib import Path
from implicitbias.train.pack import train
train(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], 1, 60.0)
"""


def worklist(scale: str, files: tuple[Path, ...] = ()) -> Iterator[packs.Pack]:
    """Yield packs of the runs of ORDER, each run once: by seed, then by figure, then by shape."""
    plan = make_plan(*papers.of_scale(scale, files, root=ROOT), absent_too=True)
    seen: set[str] = set()
    for seed in SEEDS:
        for key, wanted in ORDER:
            if key not in plan.figures:
                continue
            shapes: dict[str, list[RunSpec]] = {}
            for run in (plan.runs[i] for i in plan.figures[key].runs):
                if run.seed == seed and wanted(run) and run.run_id not in seen:
                    shapes.setdefault(digest(run.shape()), []).append(run)
                    seen.add(run.run_id)
            yield from map(packs.Pack.of, shapes.values())


class Clock:
    """A clock of the minutes that are left."""

    def __init__(self, minutes: float) -> None:
        self.end = time.monotonic() + 60 * minutes

    def left(self) -> float:
        """Return the seconds left, at least 0."""
        return max(0.0, self.end - time.monotonic())

    def run(self, command: list[str], log: Path, most: float = float("inf")) -> int | None:
        """Run a command until its time is over; return its exit code, None if it was stopped.

        A command that is stopped receives SIGTERM.
        """
        environment = {**os.environ, **ALLOCATOR, "PYTHONPATH": os.pathsep.join(sys.path)}
        with log.open("ab") as file:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file)
            try:
                return process.wait(min(most, self.left()))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(SAVING_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            return None


def tested(clock: Clock, out: Path) -> dict[str, Any]:
    """Run the tests that need a CUDA device."""
    files = ("tests/train/engine/test_cuda.py", "tests/train/engine/test_graphs.py")
    code = clock.run([sys.executable, "-m", "pytest", "-q", *files], out / "tests.log", 180)
    last = (out / "tests.log").read_text(errors="replace").strip().splitlines()[-1:]
    return {"exit_code": code, "said": "".join(last)}


def benched(clock: Clock, out: Path, device: str) -> dict[str, Any]:
    """Time MLP-10-100, ResNet-18 and conv4 at B = 64 against the baseline loop."""
    command = [sys.executable, "-m", "bench", "--models", "MLP-10-100", "ResNet-18", "conv4",
               "--contenders", "loop", "ours", "--batch-sizes", "64", "--members", "1", "16",
               "--rounds", "1", "--seconds", "1", "--device", device,
               "--out", str(out / "throughput")]  # fmt: skip
    return {"exit_code": clock.run(command, out / "bench.log", 150)}


def trained(
    clock: Clock, out: Path, device: str, data_dir: Path, work: Iterator[packs.Pack]
) -> list[dict[str, Any]]:
    """Train packs one after another until the minutes are over; return the outcome of each."""
    rows: list[dict[str, Any]] = []
    for pack in work:
        file = out / "packs" / pack.name / "pack.json"
        packs.write(file, pack.text)
        row: dict[str, Any] = {"pack": pack.name, "runs": len(pack.runs)}
        if provenance.there(file.parent):
            rows.append({**row, "became": "complete before"})
        elif clock.left() <= SAVING_S:
            rows.append({**row, "became": "not begun"})
        else:
            short = Clock((clock.left() - SAVING_S) / 60)
            began = time.monotonic()
            code = short.run([sys.executable, "-c", TRAIN, str(file), str(data_dir), device],
                             out / "train.log")  # fmt: skip
            became = {0: "complete", None: "has a checkpoint"}.get(code, f"failed with {code}")
            rows.append({**row, "became": became, "seconds": round(time.monotonic() - began, 1)})
    return rows


def facts(device: str) -> Mapping[str, Any]:
    """Return the machine and the versions."""
    import torch

    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    return {"device": name, "torch": torch.__version__, "cuda": torch.version.cuda,
            "python": sys.version.split()[0]}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Do as much as the minutes allow, and write gpu.json with what was done."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    add = parser.add_argument
    add("--minutes", type=float, default=60, help="in all, with the last checkpoint")
    add("--device", choices=("cpu", "cuda"), default="cuda")
    add("--out", type=Path, default=Path("results/gpu"), help="packs, logs and gpu.json")
    add("--data-dir", type=Path, default=Path("data"))
    add("--scale", default="paper")
    add("--configfile", type=Path, action="append", default=[])
    add("--only", choices=("tests", "bench", "packs"), nargs="+",
        default=["tests", "bench", "packs"])  # fmt: skip
    args = parser.parse_args(arguments)
    clock, out = Clock(args.minutes), args.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    said: dict[str, Any] = dict(facts(args.device))
    steps: dict[str, Callable[[], Any]] = {
        "tests": lambda: tested(clock, out),
        "bench": lambda: benched(clock, out, args.device),
        "packs": lambda: trained(clock, out, args.device, args.data_dir.absolute(),
                                 worklist(args.scale, tuple(args.configfile))),
    }  # fmt: skip
    for name in args.only:
        try:
            said[name] = steps[name]()
        except UserError as error:  # one step that cannot be done stops no other
            said[name] = {"error": str(error)}
        write_text(out / "gpu.json", json.dumps(said, indent=1) + "\n")
        print(name, json.dumps(said[name], indent=1), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
