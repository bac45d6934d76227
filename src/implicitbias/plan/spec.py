"""A run is its spec: typed, frozen, hashed.

Each procedure has its own spec, in specs/, which needs no torch.

`run_id` hashes the fields that differ from their defaults, so that a field added later with a
default that keeps the old behaviour renames no run. When a procedure's numbers change on purpose,
its `version` goes up, and the old runs remain as different runs.

Every field has a description: meaning, convention, and for a number its unit at the end in square
brackets, [1] for a pure number. The type gives the range. The schemas and the reference page are
made from both.
"""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    create_model,
)
from pydantic_core import ErrorDetails

from .. import models
from ..base import registry
from ..base.errors import UserError, shortened
from ..base.files import digest

# YAML and JSON know lists, not tuples; the items stay strictly typed.
Ints = Annotated[tuple[int, ...], BeforeValidator(lambda v: tuple(v) if type(v) is list else v)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
LARGEST = 2**31 - 1  # of any integer of a run
BASE_MB = 1000  # Python with torch loaded, and the two Snakemakes of a job on a cluster


class RunSpec(BaseModel):
    """The fields that determine one training trajectory, whatever pack or figure it is part of."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())
    MEMBER_FIELDS: ClassVar[frozenset[str]] = frozenset({"seed"})  # may differ within a pack
    PACK_SIZE: ClassVar[int | None] = None  # overrides the config's where runs are tiny
    GPU: ClassVar[bool] = False  # whether the procedure can use one
    # What each recorded quantity is, with its unit as in the fields' descriptions.
    QUANTITIES: ClassVar[dict[str, str]] = {
        "diverged_step": "First step with a loss that is not finite; only of runs that diverged"
        " [steps].",
    }
    # What the procedure records, by name: planning checks the metrics of figures against these.
    SCALARS: ClassVar[tuple[str, ...]] = ()
    ARRAYS: ClassVar[tuple[str, ...]] = ()
    # Of these, what is recorded only by runs whose `record` has the entry.
    OPTIONAL: ClassVar[dict[str, str]] = {}

    procedure: str = Field(description="How the run is trained: a file of plan/specs.")
    version: PositiveInt = Field(
        default=1,
        description="Version of the procedure, raised when its numbers change on purpose, so that"
        " older runs are other runs [1].",
    )
    seed: NonNegativeInt = Field(
        default=0,
        description="Seed of the initialisation and of the data order, in streams of their own; a"
        " sweep sets it by `seeds` [1].",
    )

    def canonical(self) -> dict[str, Any]:
        """Return the non-default fields, with the procedure and its version always there."""
        return {
            **self.model_dump(exclude_defaults=True, mode="json"),
            "procedure": self.procedure,
            "version": self.version,
        }

    @property
    def run_id(self) -> str:
        """Return `<procedure>-<12 hex digits>`, the name of this run everywhere."""
        return _run_id(self)

    def shape(self) -> dict[str, Any]:
        """Return the fields that runs must share to be trained together in one pack."""
        return {k: v for k, v in self.canonical().items() if k not in self.MEMBER_FIELDS}

    @property
    def label(self) -> str:
        """Return the readable part of a pack's name."""
        return self.procedure

    def check(self) -> None:
        """Raise UserError for a combination of valid fields that cannot be trained."""

    @property
    def samples(self) -> int:
        """Return the number of examples processed in training: the cost estimate's unit."""
        raise NotImplementedError

    @property
    def steps(self) -> int:
        """Return the number of updates of the weights in the whole run."""
        raise NotImplementedError

    def estimated_seconds(self, members: int, device: str) -> float:
        """Return the time to train a pack of this shape, by a model fitted to measurements [s]."""
        raise NotImplementedError

    def estimated_megabytes(self, members: int) -> float:
        """Return the peak memory of a pack of this shape, beyond Python and torch [MB]."""
        return 0.0

    @property
    def datasets(self) -> tuple[str, ...]:
        """Return the data sets that the run reads."""
        return ()


@cache
def _run_id(spec: RunSpec) -> str:
    """Return the id of a run, cached: a cached property would outlive `model_copy`."""
    return f"{spec.procedure}-{digest(spec.canonical())}"


@cache
def procedure_spec(procedure: str) -> type[RunSpec]:
    """Return the `Spec` of specs/<procedure>.py."""
    registry.known("procedure", procedure, registry.names("plan/specs"))
    module = importlib.import_module(f".specs.{procedure}", __package__)
    kind: type[RunSpec] = module.Spec
    return kind


@cache
def spec_type(procedure: str, model: str | None) -> type[RunSpec]:
    """Return the spec of a procedure, with the arguments of the named model as typed fields."""
    base = procedure_spec(procedure)
    if "model" not in base.model_fields or model is None:
        return base
    fields: dict[str, Any] = {}
    for name, argument in models.info(model).arguments.items():
        kind = Annotated[int, Field(gt=0)] if argument.type is int else argument.type
        fields[name] = (kind, argument.default)
    return create_model(f"{base.__name__}_{model}", __base__=base, **fields)


def make(fields: Mapping[str, Any]) -> RunSpec:
    """Return a checked spec from plain values; a UserError names field, value and choices."""
    procedure, model = fields.get("procedure", "sgd"), fields.get("model")
    registry.known("procedure", procedure, registry.names("plan/specs"), key="procedure")
    if model is not None:
        registry.known("model", model, registry.names("models"), key="model")
    kind = spec_type(procedure, model)
    try:
        spec = kind.model_validate(dict(fields))
    except ValidationError as error:
        raise UserError(explain(error, tuple(kind.model_fields))) from None
    for name in type(spec).model_fields:
        _check_size(name, getattr(spec, name))
    spec.check()
    return spec


def _check_size(name: str, value: Any) -> None:
    """Refuse integers beyond 32 bits, in which records count, and numbers that are not finite."""
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, int) and abs(number) > LARGEST:
            raise UserError(f"{name}: {shortened(number)} is more than {LARGEST}")
        if isinstance(number, float) and not math.isfinite(number):
            raise UserError(f"{name}: {number} is not a finite number")


def first_problem(error: ValidationError) -> ErrorDetails:
    """Return the problem to report: an unknown key before a missing one.

    The unknown key may be meant for the missing one.
    """
    problems = error.errors()
    return next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])


def explain(error: ValidationError, fields: tuple[str, ...]) -> str:
    """Return the first problem of a pydantic error as one sentence for who wrote the value."""
    first = first_problem(error)
    key, value = ".".join(map(str, first["loc"])), first.get("input")
    if first["type"] == "extra_forbidden":
        try:
            registry.known("key", str(first["loc"][-1]), fields)
        except UserError as unknown:
            return f"{key}: {unknown}"
    if first["type"] == "missing":
        return f"{key}: is missing"
    said = first["msg"].removeprefix("Value error, ")
    text = f"{key}: {shortened(value)} ({type(value).__name__}): {said[:1].lower()}{said[1:]}"
    if isinstance(value, str) and first["type"].startswith(("float", "int")):
        if re.fullmatch(r"[-+]?[0-9.]+[eE][-+]?[0-9]+", value):
            text += " (YAML reads 1e-1 as text; write 0.1 or 1.0e-1)"
        elif re.fullmatch(r"[-+]?[0-9.]+", value):
            text += " (in quotes it is text)"
    return text
