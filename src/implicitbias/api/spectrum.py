"""Ranks of every matrix of a user's own state dict, at any tolerance."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from .. import metrics
from ..base.errors import UserError
from ..train.observers.spectra import singular_values

_METRICS = ("stable_rank", "effective_rank")


def load(path: Path) -> dict[str, Tensor]:
    """Read a `.safetensors` file or a `.pt` state dict without executing anything in it."""
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        tree = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not a readable state dict: {error}") from error
    except Exception as error:  # weights_only refuses with pickle's many errors
        raise UserError(
            f"{path}: refused: it holds more than tensors, and reading it could run code;"
            " save its state_dict()"
        ) from error
    if not isinstance(tree, dict) or not any(isinstance(v, Tensor) for v in tree.values()):
        raise UserError(f"{path}: not a state dict: it maps no names to tensors")
    return {str(name): value for name, value in tree.items() if isinstance(value, Tensor)}


def table(path: Path, tolerance: float) -> pd.DataFrame:
    """Return a row per matrix: its shape, its rank under both norms, stable and effective rank.

    A tensor of more than two dimensions is a convolution's kernel (out, in, ...) and is flattened
    to (out, in x ...); vectors are left out.
    """
    names = [metrics.with_parameter(stem, tolerance) for stem in ("rank_fro", "rank_spec")]
    rows = []
    for name, tensor in load(path).items():
        if tensor.dim() < 2 or not tensor.is_floating_point():
            continue
        matrix = tensor.flatten(1).double()
        spectrum = singular_values(matrix.numpy())
        values = {m: float(metrics.resolve(m).compute(spectrum)) for m in (*names, *_METRICS)}
        rows.append({"matrix": name, "rows": matrix.shape[0], "cols": matrix.shape[1], **values})
    return pd.DataFrame(rows)
