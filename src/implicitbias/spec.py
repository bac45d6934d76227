"""A run is its spec: typed, frozen, hashed. One small model per procedure; no torch.

`run_id` hashes the fields that differ from their defaults, so that a field added later with a
default that keeps the old behaviour renames no run. When a procedure's numbers change on purpose
its `version` goes up, and the old runs are simply other runs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

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

from . import data, registry
from .errors import UserError

# YAML and JSON know lists, not tuples; the items stay strictly typed.
Ints = Annotated[tuple[int, ...], BeforeValidator(lambda v: tuple(v) if type(v) is list else v)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class RunSpec(BaseModel):
    """What determines one training trajectory, whatever pack, figure or order it is trained in."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())
    MEMBER_FIELDS: ClassVar[frozenset[str]] = frozenset({"seed"})

    procedure: str
    version: PositiveInt = 1
    seed: NonNegativeInt = 0

    def canonical(self) -> dict[str, Any]:
        """The non-default fields, with the procedure and its version always there."""
        return {
            **self.model_dump(exclude_defaults=True, mode="json"),
            "procedure": self.procedure,
            "version": self.version,
        }

    @property
    def run_id(self) -> str:
        """`<procedure>-<12 hex digits>`: the name of this run everywhere."""
        return f"{self.procedure}-{digest(self.canonical())}"

    def shape(self) -> dict[str, Any]:
        """What runs must share to be trained together in one pack."""
        return {k: v for k, v in self.canonical().items() if k not in self.MEMBER_FIELDS}

    @property
    def label(self) -> str:
        """The readable part of a pack's name."""
        return self.procedure

    def check(self) -> None:
        """Raise UserError for a combination of valid fields that cannot be trained."""

    @property
    def samples(self) -> int:
        """Examples processed in training: the unit of the cost estimate."""
        raise NotImplementedError

    @property
    def steps(self) -> int:
        """Updates of the weights in the whole run."""
        raise NotImplementedError


class Sgd(RunSpec):
    """Mini-batch SGD on a classifier, in torch.optim.SGD's convention.

    One step is  V <- momentum V + (grad + weight_decay W),  W <- W - lr V,  for every parameter,
    biases and batch-norm scales included: torch's `weight_decay` is the gradient of
    (weight_decay/2) ||W||^2. Galanti et al. write lambda ||W||^2 in their loss, so the lambda of
    their theorems is weight_decay / 2; the lambda of their captions is weight_decay itself.
    The last partial batch of an epoch is kept.
    """

    MEMBER_FIELDS: ClassVar[frozenset[str]] = frozenset({"seed", "lr", "weight_decay", "momentum"})

    procedure: Literal["sgd"] = "sgd"
    dataset: str
    preprocessing: str = "standard"
    classes: Ints | None = None
    n_train: PositiveInt | None = None
    model: str
    loss: Literal["cross_entropy", "square"] = "cross_entropy"
    batch_size: PositiveInt
    epochs: PositiveInt
    lr: Positive
    weight_decay: NonNegative = 0.0
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    # 1-based epochs from whose first step on lr is multiplied by lr_factor: [60] leaves 59 epochs
    # at the full rate, as the authors' MultiStepLR, stepped at the start of each epoch, does.
    lr_milestones: Ints = ()
    lr_factor: Positive = 0.2
    precision: Literal["float32", "float64"] = "float32"
    record_every: PositiveInt = 10  # completed epochs; 0 and the last are always recorded

    def shape(self) -> dict[str, Any]:
        """As for every run, and packs do not mix runs with and without momentum.

        Momentum needs a buffer and another order of the same additions: a run's last bits would
        depend on its neighbours.
        """
        return {**super().shape(), "momentum": self.momentum > 0}

    @property
    def model_arguments(self) -> dict[str, Any]:
        """The keyword arguments of the model's `build`."""
        return {k: getattr(self, k) for k in registry.model_info(self.model).arguments}

    @property
    def data_options(self) -> dict[str, Any]:
        """The keyword arguments of `data.info` and `data.load`."""
        return {
            "preprocessing": self.preprocessing,
            "classes": self.classes,
            "n_train": self.n_train,
        }

    @property
    def n_examples(self) -> int:
        """Training examples: an epoch."""
        return data.info(self.dataset, **self.data_options).n_train

    @property
    def steps_per_epoch(self) -> int:
        """ceil(N / B): the last partial batch is a step."""
        return -(-self.n_examples // self.batch_size)

    @property
    def samples(self) -> int:
        """Examples processed in training."""
        return self.n_examples * self.epochs

    @property
    def steps(self) -> int:
        """Updates in the whole run."""
        return self.steps_per_epoch * self.epochs

    @property
    def label(self) -> str:
        """Model, data and batch size."""
        return f"{self.model}-{self.dataset}-b{self.batch_size}"

    def lr_multiplier(self, epoch: int) -> float:
        """The schedule's factor during 0-based epoch `epoch`."""
        return float(self.lr_factor ** sum(epoch + 1 >= m for m in self.lr_milestones))

    @property
    def record_epochs(self) -> tuple[int, ...]:
        """Completed epochs at which the run is measured: 0, every `record_every`, the last."""
        every = range(0, self.epochs, self.record_every)
        return (*every, self.epochs)

    def decay_exponent(self) -> float:
        """Sum over steps of lr_t x weight_decay: weights without gradient shrink by exp(-this).

        It governs how far SGD with weight decay forgets its initialisation.
        """
        scale = sum(self.lr_multiplier(e) for e in range(self.epochs))
        return self.lr * self.weight_decay * self.steps_per_epoch * scale

    def check(self) -> None:
        """Data options, batch sizes and schedules that cannot be."""
        registry.known("dataset", self.dataset, data.names())
        try:
            n = data.info(self.dataset, **self.data_options).n_train
        except ValueError as error:
            raise UserError(str(error)) from error
        if self.batch_size > n:
            raise UserError(
                f"batch_size: {self.batch_size} is more than the {n} training examples"
                f" of {self.dataset}"
            )
        batch_norm = registry.model_info(self.model).batch_norm
        if batch_norm and 1 in (self.batch_size, n % self.batch_size):
            raise UserError(
                f"batch_size: {self.batch_size} leaves a batch of one of the {n} examples of"
                f" {self.dataset}, which {self.model} cannot normalise; choose another"
            )
        if list(self.lr_milestones) != sorted({*self.lr_milestones} - {0, 1}):
            raise UserError(f"lr_milestones: {list(self.lr_milestones)} must ascend, from 2 on")


PROCEDURES: dict[str, type[RunSpec]] = {"sgd": Sgd}


@cache
def spec_type(procedure: str, model: str | None) -> type[RunSpec]:
    """The spec of a procedure, with the arguments of the named model as further typed fields."""
    base = PROCEDURES[registry.known("procedure", procedure, tuple(PROCEDURES))]
    if "model" not in base.model_fields or model is None:
        return base
    fields: dict[str, Any] = {}
    for name, argument in registry.model_info(model).arguments.items():
        kind = Annotated[int, Field(gt=0)] if argument.type is int else argument.type
        fields[name] = (kind, argument.default)
    return create_model(f"{base.__name__}_{model}", __base__=base, **fields)


def field_names(procedure: str, model: str | None) -> tuple[str, ...]:
    """Every key that a run of this procedure and model may have."""
    return tuple(spec_type(procedure, model).model_fields)


def make(fields: Mapping[str, Any]) -> RunSpec:
    """A checked spec from plain values; UserError names field, value and what is allowed."""
    kind = spec_type(fields.get("procedure", "sgd"), fields.get("model"))
    try:
        spec = kind.model_validate(dict(fields))
    except ValidationError as error:
        raise UserError(explain(error, tuple(kind.model_fields))) from None
    spec.check()
    return spec


def explain(error: ValidationError, fields: tuple[str, ...]) -> str:
    """The first problem of a pydantic error as one sentence for the person who wrote the value."""
    first = error.errors()[0]
    key, value = ".".join(map(str, first["loc"])), first.get("input")
    if first["type"] == "extra_forbidden":
        try:
            registry.known("key", str(first["loc"][-1]), fields)
        except UserError as unknown:
            return str(unknown)
    if first["type"] == "missing":
        return f"{key}: is missing"
    text = f"{key}: {value!r} ({type(value).__name__}): {first['msg'].lower()}"
    if isinstance(value, str) and first["type"].startswith(("float", "int")):
        text += " (YAML reads 1e-1 as text; write 0.1 or 1.0e-1)"
    return text


def digest(value: Any) -> str:
    """12 hex digits of the sha256 of the value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
