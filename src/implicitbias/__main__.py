"""`implicitbias <verb>`, or `python -m implicitbias <verb>`: commands/ has the verbs."""

from __future__ import annotations

import sys
import tempfile
import traceback
from pathlib import Path

from typer import TyperException

from .base import studies
from .base.errors import UserError, printable
from .commands import app


def main(argv: list[str] | None = None) -> int:
    """Run one verb and return its exit code; an error is one line on stderr.

    The code is 1 where a verb fails and 2 where the command line is not understood.
    """
    words = sys.argv[1:] if argv is None else argv
    try:
        return app(words or ["--help"], standalone_mode=False) or 0
    except TyperException as error:
        context = getattr(error, "ctx", None)
        said = " ".join(error.format_message().replace("Value error, ", "").split())
        where = f" (see {context.command_path} --help)" if context else ""
        return _failed(f"{printable(said)}{where}", error.exit_code)
    except UserError as error:
        return _failed(printable(str(error).strip()))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _failed(f"{where}{error.strerror or error}")
    except Exception as error:
        return _failed(_unexpected(error))


def _failed(said: str, code: int = 1) -> int:
    print(f"error: {said}", file=sys.stderr)
    return code


def _unexpected(error: Exception) -> str:
    """Return one line on an error that no code foresaw, and keep its traceback in a file."""
    # torch has errors of its own for memory, on a CPU by no type of their own.
    no_memory = "OutOfMemory" in type(error).__name__ or "can't allocate memory" in str(error)
    if isinstance(error, MemoryError) or no_memory:
        return "memory does not suffice"
    said = printable(f"{type(error).__name__}: {error}")[:300]
    place = _in_a_study(error)
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="implicitbias-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            traceback.print_exception(error, file=file)
        kept = f"its traceback is in {file.name}"
    except OSError:
        kept = "its traceback could not be kept"
    if place:
        return f"{place}: {said} ({kept})"
    return f"{said} (a fault of this program or a damaged file that it does not know; {kept})"


def _in_a_study(error: Exception) -> str:
    """Return the file and the line of a study that were last entered before an error, or ""."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    folders = studies.used()
    within = (f for f in frames if any(Path(f.filename).is_relative_to(s) for s in folders))
    return next((f"{frame.filename}:{frame.lineno}" for frame in within), "")


if __name__ == "__main__":
    sys.exit(main())
