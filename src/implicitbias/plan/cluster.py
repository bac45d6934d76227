"""What the config says of a cluster: where jobs go, what they ask for, and how much of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Minutes = Annotated[int, Field(gt=0)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Place(_Model):
    """A kind of node. What is null is not asked for: the cluster's own default holds."""

    partition: str | None = Field(default=None, description="sbatch --partition")
    constraint: str | None = Field(default=None, description="sbatch --constraint")
    max_minutes: Minutes | None = Field(
        default=None, description="the partition's time limit: a longer job asks for this"
    )


class GpuPlace(Place):
    """A kind of node with GPUs."""

    gpu_model: str | None = Field(default=None, description="the type in sbatch --gpus=<type>:1")


class Cluster(_Model):
    """Where the jobs of a cluster go. Changing any of it makes nothing anew."""

    account: str | None = Field(default=None, description="sbatch --account")
    cpu: Place = Place()
    gpu: GpuPlace = GpuPlace()
    scratch_dir: str | None = Field(
        default=None,
        description="a folder on every node's own disk; data sets are copied there once per node."
        " $VARIABLES are those of the node",
    )
    headroom: Annotated[float, Field(ge=1)] = Field(
        default=2.0, description="run time asked for over run time estimated"
    )
    short_minutes: Annotated[int, Field(ge=0)] = Field(
        default=10, description="packs with an estimate up to this share jobs"
    )
    shared_minutes: Minutes = Field(
        default=120, description="run time that a shared job asks for at most, at first"
    )


class Request(_Model):
    """What the packs of one sweep ask for instead of what is estimated."""

    minutes: Minutes | None = Field(default=None, description="of the first attempt")
    megabytes: Annotated[int, Field(gt=0)] | None = Field(
        default=None, description="of memory, in the first attempt"
    )

    def or_more(self, other: Request) -> Request:
        """The larger of each; a value over none."""
        return Request(
            minutes=max(filter(None, (self.minutes, other.minutes)), default=None),
            megabytes=max(filter(None, (self.megabytes, other.megabytes)), default=None),
        )
