"""Throughput against the loops that people write: `make bench`, or `python -m bench --out DIR`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from implicitbias.figures import style

from . import cases, driver


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    add = parser.add_argument
    add("--models", nargs="+", choices=cases.MODELS, default=list(cases.MODELS))
    add("--contenders", nargs="+", choices=cases.CONTENDERS, default=None)
    add("--batch-sizes", nargs="+", type=int, default=list(cases.BATCH_SIZES))
    add("--members", nargs="+", type=int, default=list(cases.MEMBERS))
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--seconds", type=float, default=1.0, help="measured, per pack")
    add("--rounds", type=int, default=3, help="at most so many")
    add("--minutes", type=float, default=60, help="no round begins that would end later")
    add("--cores", type=int, default=os.cpu_count() or 1, help="1: no pairs of packs")
    add("--out", type=Path, required=True, help="folder for the table and the plot")
    return parser.parse_args()


def main() -> None:
    """Time the cases asked for; the table and the plots are written to `--out`."""
    args = _arguments()
    with style.look():
        driver.run(
            cases.cases(args.models, args.batch_sizes, args.members, args.seconds, args.cores,
                        args.contenders, args.device),
            args.rounds, args.minutes, args.out,
        )  # fmt: skip
        if args.device == "cpu":
            driver.scale(args.out)


if __name__ == "__main__":
    main()
