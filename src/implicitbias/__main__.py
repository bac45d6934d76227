"""`python -m implicitbias <verb>`: a verb per rule, and plan, runs, status, data, spectrum."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import traceback

from .base.errors import UserError, printable
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
        print(f"error: {printable(str(error).strip())}", file=sys.stderr)
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    except Exception as error:
        print(f"error: {_unexpected(error)}", file=sys.stderr)
        return 1
    return 0


def _unexpected(error: Exception) -> str:
    """Return one line on an error that no code foresaw, and keep its traceback in a file."""
    if isinstance(error, MemoryError):
        return "memory does not suffice"
    said = printable(f"{type(error).__name__}: {error}")[:300]
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="implicitbias-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            traceback.print_exception(error, file=file)
        kept = f"its traceback is in {file.name}"
    except OSError:
        kept = "its traceback could not be kept"
    return f"{said} (a fault of this program or a damaged file that it does not know; {kept})"


if __name__ == "__main__":
    sys.exit(main())
