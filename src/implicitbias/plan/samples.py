"""Random samples of fields: what a config says of them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, model_validator

Values = Annotated[list[Any], Field(min_length=1)]
Bounds = Annotated[list[float], Field(min_length=2, max_length=2)]


class Model(BaseModel):
    """A part of the config that is frozen and strict.

    An unknown key or a value of another type is an error.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Range(Model):
    """The distribution of one field in random samples: exactly one of these."""

    uniform: Bounds | None = Field(
        default=None, description="Between two numbers, evenly [of the field]."
    )
    log_uniform: Bounds | None = Field(
        default=None,
        description="Between two positive numbers, evenly in the logarithm [of the field].",
    )
    integers: Annotated[list[int], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="A whole number from the first to the second [of the field]."
    )
    choice: Values | None = Field(default=None, description="One of these values.")

    @model_validator(mode="after")
    def _one(self) -> Range:
        ends = self.uniform or self.log_uniform or self.integers
        if len(self.model_fields_set) != 1 or (ends and not ends[0] < ends[1]):
            raise ValueError(
                "must be one of uniform, log_uniform, integers: [low, high], or choice: [...]"
            )
        if self.log_uniform and self.log_uniform[0] <= 0:
            raise ValueError("log_uniform must lie above 0")
        return self


class Random(Model):
    """Random samples of some fields; a sample stays what it is when `samples` grows."""

    samples: Annotated[int, Field(gt=0, le=10_000)] = Field(
        description="How many samples; each is run with every combination of the grid [1]."
    )
    seed: NonNegativeInt = Field(default=0, description="Seed of the samples [1].")
    fields: Annotated[dict[str, Range], Field(min_length=1)] = Field(
        description="Field -> its distribution; numbers have four digits."
    )
