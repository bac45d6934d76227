"""`python -m implicitbias <verb>`: a verb per rule, and plan, status, data, spectrum.

Imports stand inside the verbs: planning must not load torch, nor training matplotlib.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .errors import UserError


def _pack(args: argparse.Namespace) -> None:
    from . import packs

    packs.write(args.out, args.text)


def _train(args: argparse.Namespace) -> None:
    from .train import train

    train(args.pack, args.data_dir, args.device, args.threads, args.checkpoint_seconds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m implicitbias", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="verb")

    pack = verbs.add_parser("pack", help="write a pack.json")
    pack.add_argument("--text", required=True, help="its content, as planned")
    pack.add_argument("out", type=Path)
    pack.set_defaults(do=_pack)

    train = verbs.add_parser("train", help="train a pack: pack.json -> records")
    train.add_argument("pack", type=Path, help="the pack.json; records are written beside it")
    train.add_argument("--data-dir", type=Path, default=Path("data"))
    train.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    train.add_argument("--threads", type=int, default=1)
    train.add_argument("--checkpoint-seconds", type=float, default=60.0)
    train.set_defaults(do=_train)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one verb; a UserError is one line on stderr and exit code 1."""
    args = _parser().parse_args(argv)
    try:
        args.do(args)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
