"""A page, or a cell of a notebook, with rank against epoch and a slider for the tolerance.

The page is made from the recorded spectra. It stands alone and needs no library, server or network.
"""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..base.errors import UserError
from ..base.files import write_text
from ..metrics._spectrum import relative_spectrum

TOLERANCES = np.array([float(f"{10 ** (-5 + i / 20):.4g}") for i in range(100)])
FIRST = 40  # 1e-3
_EPOCHS = 120  # of a run; with more, every second one is left out, and so on
_LARGEST = 20_000_000  # bytes of a page


class Explorer:
    """The page of some runs, which a notebook shows and `save` writes."""

    def __init__(self, page: str) -> None:
        self.page = page

    def save(self, path: str | Path) -> Path:
        """Write the page and return its path."""
        write_text(Path(path), self.page)
        return Path(path)

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{html.escape(self.page)}" style="width: 100%; height: 500px;'
            ' border: 0"></iframe>'
        )


def explorer(arrays: pd.DataFrame) -> Explorer:
    """Return the page of the spectra among the arrays of records.

    UserError where there are no spectra, and where the page would be larger than 20 MB.
    """
    spectra = arrays[arrays["quantity"] == "spectrum"]
    if spectra.empty:
        raise UserError("no spectra are recorded here")
    runs = [{"name": str(name), **_run(rows)} for name, rows in spectra.groupby("run", sort=False)]
    index = {"tolerances": TOLERANCES.tolist(), "first": FIRST, "runs": runs}
    text = json.dumps(index, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    if len(text) > _LARGEST:
        raise UserError(f"a page of {len(text) / 1e6:.0f} MB: choose some of the {len(runs)} runs")
    template = Path(__file__).with_name("explore.html").read_text(encoding="utf-8")
    return Explorer(template.replace("@DATA@", text))


def _run(rows: pd.DataFrame) -> dict[str, Any]:
    every = sorted(rows["epoch"].unique().tolist())
    epochs = [*every[:: -(-len(every) // _EPOCHS)]]
    epochs += [] if epochs[-1] == every[-1] else [every[-1]]
    rows = rows[rows["epoch"].isin(epochs)].drop_duplicates(["layer", "epoch"], keep="last")
    layers = []
    for name, layer in rows.groupby("layer", sort=False):
        by_epoch = dict(zip(layer["epoch"], layer["values"], strict=True))
        ranks = [_ranks(by_epoch.get(e, np.array([np.nan]))) for e in epochs]
        averaged = bool(layer["averaged"].iloc[0])
        fro, spec = ([both[i] for both in ranks] for i in (0, 1))
        layers.append({"name": str(name), "averaged": averaged, "fro": fro, "spec": spec})
    return {"epochs": epochs, "layers": layers}


def _ranks(s: Any) -> tuple[list[int | None], list[int | None]]:
    """Return the ranks of one spectrum at every tolerance, in the arithmetic of the metrics."""
    relative = relative_spectrum(s)
    if np.isnan(relative).any():
        return [None] * len(TOLERANCES), [None] * len(TOLERANCES)
    frobenius = np.sqrt(np.square(relative).sum())
    fro, spec = (
        (relative[:, None] > TOLERANCES * norm).sum(0).tolist() for norm in (frobenius, 1.0)
    )
    return fro, spec
