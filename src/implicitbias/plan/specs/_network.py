"""The specs of procedures that train a network on a data set share these fields."""

from __future__ import annotations

from typing import Any

from pydantic import Field, PositiveInt

from ... import data, models
from ...base import registry
from ...base.errors import UserError
from ..spec import Positive, RunSpec


class NetworkSpec(RunSpec):
    """A run that trains a model on mini-batches of a data set for so many epochs."""

    dataset: str = Field(description="Data set: a file of data/.")
    preprocessing: str = Field(
        default="standard",
        description="How the images are scaled: `standard`, by the data set's own statistics, or"
        " `galanti2025rank`, as in the code of that paper.",
    )
    n_train: PositiveInt | None = Field(
        default=None,
        description="Size of a fixed subset of the training examples, from one of each class to"
        " all; null: all [examples].",
    )
    model: str = Field(
        description="Architecture: a file of models/; the arguments of its `build` are further"
        " keys."
    )
    batch_size: PositiveInt = Field(
        description="Batch size B, at most the number of training examples; the last, smaller batch"
        " of an epoch is a step too [examples]."
    )
    epochs: PositiveInt = Field(description="Passes over the training examples [epochs].")
    lr: Positive = Field(
        description="Learning rate: W <- W - lr x gradient of the mean loss over the batch, with"
        " what is added to that gradient [1]."
    )
    record_every: PositiveInt = Field(
        default=10,
        description="Epochs between records; completed epochs 0 and the last are always recorded"
        " [epochs].",
    )

    @property
    def model_info(self) -> models.ModelInfo:
        """Return the facts about the model that are known without building it."""
        return models.info(self.model)

    @property
    def model_arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of the model's `build`."""
        return {k: getattr(self, k) for k in self.model_info.arguments}

    @property
    def data_options(self) -> dict[str, Any]:
        """Return the keyword arguments of `data.info` and `data.load`."""
        return {"preprocessing": self.preprocessing, "n_train": self.n_train}

    @property
    def datasets(self) -> tuple[str, ...]:
        """Return the one data set."""
        return (self.dataset,)

    @property
    def n_examples(self) -> int:
        """Return the number of training examples: an epoch."""
        return data.info(self.dataset, **self.data_options).n_train

    @property
    def steps_per_epoch(self) -> int:
        """Return ceil(N / B): the last partial batch is a step."""
        return -(-self.n_examples // self.batch_size)

    @property
    def samples(self) -> int:
        """Return the number of examples processed in training."""
        return self.n_examples * self.epochs

    @property
    def steps(self) -> int:
        """Return the number of updates in the whole run."""
        return self.steps_per_epoch * self.epochs

    @property
    def record_epochs(self) -> tuple[int, ...]:
        """Return the completed epochs at which the run is measured.

        They are 0, every `record_every`, and the last.
        """
        return (*range(0, self.epochs, self.record_every), self.epochs)

    def lr_multiplier(self, epoch: int) -> float:
        """Return the schedule's factor during 0-based epoch `epoch`."""
        return 1.0

    def check(self) -> None:
        """Raise UserError for options, images or batches that do not suit data and model."""
        registry.known("dataset", self.dataset, data.names(), key="dataset")
        try:
            facts = data.info(self.dataset, **self.data_options)
        except ValueError as error:
            raise UserError(str(error)) from error
        least, sides = self.model_info.min_image, facts.input_shape[1:]
        if min(sides) < least:
            raise UserError(
                f"model: {self.model!r} needs images of {least} x {least} at least; those of"
                f" {self.dataset} are {sides[0]} x {sides[1]}"
            )
        try:
            self.model_info.check(self.model_arguments, facts.input_shape)
        except ValueError as error:
            raise UserError(f"{error}; {self.model} on {self.dataset}") from error
        if self.batch_size > facts.n_train:
            raise UserError(
                f"batch_size: {self.batch_size} is more than the {facts.n_train} training examples"
                f" of {self.dataset}"
            )
