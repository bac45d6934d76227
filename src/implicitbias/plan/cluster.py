"""The config's section on a cluster: where jobs go, and which resources they request."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Minutes = Annotated[int, Field(gt=0, lt=2**31)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _scratch(text: str) -> str:
    # It stands in double quotes in the job scripts of schedulers, where a shell would run $(...).
    if not re.fullmatch(r"(\$\w+|[^$`\"\\{}\x00-\x1f\x7f])+", text) or not text.strip("- "):
        raise ValueError("must be a path; of shells it may use $NAME alone")
    return text


class Place(_Model):
    """A kind of node that jobs can go to.

    A null field is not requested, so that the cluster's own default applies.
    """

    partition: str | None = Field(default=None, description="The value of sbatch --partition.")
    constraint: str | None = Field(default=None, description="The value of sbatch --constraint.")
    max_minutes: Minutes | None = Field(
        default=None,
        description="The partition's time limit: a job whose estimate is longer asks for this"
        " [minutes].",
    )


class GpuPlace(Place):
    """A kind of node that has GPUs."""

    gpu_model: str | None = Field(
        default=None, description="The type of GPU in sbatch --gpus=<type>:1."
    )


class Cluster(_Model):
    """The settings that say where the jobs of a cluster go.

    Changing any of them makes nothing anew.
    """

    account: str | None = Field(default=None, description="The value of sbatch --account.")
    cpu: Place = Field(default=Place(), description="Where jobs go that need no GPU.")
    gpu: GpuPlace = Field(
        default=GpuPlace(), description="Where packs train that use a GPU, with device: cuda."
    )
    scratch_dir: Annotated[str, AfterValidator(_scratch)] | None = Field(
        default=None,
        description="A folder on every node's own disk; data sets are copied there once per node."
        " $VARIABLES are those of the node.",
    )
    headroom: Annotated[float, Field(ge=1, le=1000, allow_inf_nan=False)] = Field(
        default=2.0, description="Run time asked for over run time estimated [1]."
    )
    short_minutes: Annotated[int, Field(ge=0, lt=2**31)] = Field(
        default=10, description="Packs with an estimate up to this share jobs [minutes]."
    )
    shared_minutes: Minutes = Field(
        default=120,
        description="The most run time that a shared job asks for in its first attempt [minutes].",
    )


class Request(_Model):
    """The resources that packs of one sweep request of a cluster, instead of the estimates."""

    minutes: Minutes | None = Field(
        default=None, description="Run time of the first attempt [minutes]."
    )
    megabytes: Annotated[int, Field(gt=0)] | None = Field(
        default=None, description="Memory of the first attempt [MB]."
    )

    def or_more(self, other: Request) -> Request:
        """Return the larger of each request; a value counts more than none."""
        return Request(
            minutes=max(filter(None, (self.minutes, other.minutes)), default=None),
            megabytes=max(filter(None, (self.megabytes, other.megabytes)), default=None),
        )
