"""`python -m implicitbias <verb>`: a verb per rule, and plan, runs, status, data, spectrum."""

from __future__ import annotations

import argparse
import os
import sys

from .base.errors import UserError
from .commands import VERBS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m implicitbias", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="verb")
    for do, help_, arguments, example in VERBS:
        one = verbs.add_parser(
            do.__name__, help=help_, description=do.__doc__,
            epilog=f"example: python -m implicitbias {example}" if example else None,
        )  # fmt: skip
        for names, options in arguments:
            one.add_argument(*names, **options)
        one.set_defaults(do=do)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one verb; a UserError or an OSError is one line on stderr and exit code 1."""
    args = _parser().parse_args(argv)
    try:
        args.do(args)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has seen enough: `plan | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except UserError as error:
        print(f"error: {str(error).strip()}".replace("\n", " "), file=sys.stderr)
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
