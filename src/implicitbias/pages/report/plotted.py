"""The plotted numbers of a figure, read from its CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ...base.errors import UserError, printable


def plotted(path: Path, **options: Any) -> pd.DataFrame | None:
    """Return the rows of a figure's CSV, None where there is no file; UserError for another file.

    options: those of pandas.read_csv.
    """
    try:
        rows: pd.DataFrame = pd.read_csv(path, **options)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, OverflowError) as error:
        said = printable(str(error).strip())
        raise UserError(f"{path}: not the numbers of a figure: {said}") from error
    return rows
