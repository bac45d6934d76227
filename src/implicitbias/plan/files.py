"""The types of what may be written in config.yaml, overlays, and the papers' files."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from .cluster import Request
from .config import (
    DRAW,
    RANDOM,
    ZIP,
    Drawing,
    Model,
    Name,
    Random,
    Seeds,
    Selection,
    Settings,
    Values,
)

Metrics = Annotated[list[str], Field(min_length=1)]
Runs = Annotated[list[Selection], Field(min_length=1)]


class SweepPart(Model):
    """A sweep, or what is to be changed of one.

    A field in base replaces one in grid below it.
    """

    extends: Name | None = Field(
        default=None,
        description="A protocol of this file, or a sweep, whose fields hold where this has none.",
    )
    base: dict[str, Any] = Field(default={}, description="Fields that all runs share.")
    grid: dict[str, Values] = Field(
        default={}, description="Field -> the values that it takes; all combinations are run."
    )
    zip: dict[str, Values] | None = Field(default=None, description=ZIP)
    random: Random | None = Field(default=None, description=RANDOM)
    seeds: Seeds | None = Field(
        default=None, description="One run of every combination for each seed [1]."
    )
    resources: Request | None = Field(
        default=None, description="What packs of these runs request of a cluster."
    )


class Protocol(SweepPart):
    """A part that several sweeps of a file share, and that makes no run by itself."""

    small: SweepPart = Field(
        default=SweepPart(), description="What scale small changes of the protocol."
    )


class FigureChange(Model):
    """The keys of a figure that an overlay changes."""

    runs: Runs | None = Field(
        default=None, description="The figure's runs, instead of those below."
    )
    metrics: Metrics | None = Field(
        default=None, description="The figure's metrics, instead of those below."
    )
    draw: Drawing | None = Field(default=None, description=DRAW)


class SmallFigure(Model):
    """The changes that scale small makes of a figure, and of the sweeps beside it."""

    runs: Runs | None = Field(default=None, description="The figure's runs at scale small.")
    metrics: Metrics | str | None = Field(
        default=None,
        description="The figure's metrics at scale small, or the name of a list of the file.",
    )
    sweeps: dict[Name, SweepPart] = Field(
        default={}, description="What is changed of the figure's sweeps, or sweeps of its own."
    )


class PaperFigure(SmallFigure):
    """A figure with its runs at the paper's own protocol."""

    runs: Runs = Field(description="The figure's runs.")
    metrics: Metrics | str = Field(
        description="The figure's metrics, or the name of a list of the file. The first rank"
        " metric is the one drawn large."
    )
    sweeps: dict[Name, SweepPart] = Field(
        default={}, description="The figure's sweeps. Other figures name them in their runs."
    )
    small: SmallFigure = Field(
        default=SmallFigure(), description="What scale small changes, and smoke before its own."
    )


class Paper(Model):
    """A file of workflow/papers, with the figures of one paper."""

    metrics: dict[str, Metrics] = Field(default={}, description="Name -> a list of metrics.")
    protocols: dict[Name, Protocol] = Field(
        default={}, description="Name -> what several sweeps extend."
    )
    figures: dict[str, PaperFigure] = Field(
        description="figNN, or exp_<word> where the number is not known or the experiment is ours."
    )


class Overlay(Settings):
    """The keys of config.yaml, a scale of workflow/scales, or a file given with --configfile."""

    figures: dict[str, FigureChange] = Field(
        default={},
        description="<paper>/<figure> -> what to change of it, or a further figure.",
    )
    sweeps: dict[Name, SweepPart] = Field(
        default={}, description="Name -> what to change of a sweep, or a sweep of one's own."
    )
    protocols: dict[Name, SweepPart] = Field(
        default={}, description="Name -> what several sweeps of this file extend."
    )
