"""Checks of a recorder's arguments, and of whether this process records at all."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..analysis import tables
from ..base.errors import UserError, shortened
from ..train import records


def is_first() -> bool:
    """Return whether this process records: the only process, or rank 0 of several."""
    distributed = torch.distributed
    return not (
        distributed.is_available() and distributed.is_initialized() and distributed.get_rank()
    )


def path(folder: Any) -> Path:
    """Return a folder as a path; UserError for anything that is none."""
    if not isinstance(folder, str | PathLike):
        raise UserError(f"folder is a path, not {shortened(folder)}")
    return Path(folder)


def network(model: nn.Module, max_share: float | None, save_seconds: float) -> None:
    """Raise UserError for parameters outside this process, and for invalid shares and times.

    So does a `model` that is no network.
    """
    if not isinstance(model, nn.Module):
        raise UserError(f"model is a torch.nn.Module, not {shortened(model)}")
    if max_share is not None and not (isinstance(max_share, float | int) and 0 < max_share <= 1):
        raise UserError(f"max_share is a share of the time, in (0, 1], not {shortened(max_share)}")
    if not (isinstance(save_seconds, float | int) and save_seconds >= 0):
        raise UserError(f"save_seconds is a time from 0 s on, not {shortened(save_seconds)}")
    for name, parameter in model.named_parameters():
        if type(parameter).__name__ == "DTensor" or parameter.is_meta:
            raise UserError(
                f"{name}: its numbers are not all in this process (sharded, or on the device"
                " meta); record a gathered copy of the network"
            )


def fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a training; UserError for a field named like a column of its tables."""
    if not isinstance(given, Mapping):
        raise UserError(f"fields: names and values, as {{'lr': 0.1}}, not {shortened(given)}")
    for name in given:
        if name in {*tables.COLUMNS, *records.COLUMNS, "procedure"}:
            raise UserError(f"fields: {name!r} is a column of the results; choose another name")
    return dict(given)


def whole(name: str, value: Any) -> int:
    """Return an epoch or a step as an int; UserError unless it is a whole number from 0 on."""
    try:
        number_ = operator.index(value)
    except TypeError:
        raise UserError(f"{name} is a whole number, not {value!r}") from None
    if number_ < 0:
        raise UserError(f"{name} is {number_}; it begins at 0")
    return number_


def number(name: str, value: Any) -> float:
    """Return a scalar as a float, also that of a tensor; UserError for anything else."""
    try:
        return float(value.detach() if isinstance(value, torch.Tensor) else value)
    except (TypeError, ValueError, RuntimeError):
        raise UserError(f"{name}: not a number: {value!r}") from None
