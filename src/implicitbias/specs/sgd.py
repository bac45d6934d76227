"""The spec of `sgd`."""

from __future__ import annotations

from math import prod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from .. import data, registry
from ..errors import UserError
from ..spec import Ints, NonNegative, Positive, RunSpec

_LAYER, _MEMBER, _EXAMPLE = 4e-5, 9.5e-10, 6.5e-11  # seconds, see estimated_seconds
_CUDA_SPEEDUP = 10.0
_START = 4.0  # start a process, import torch, read the data


class Spec(RunSpec):
    """Mini-batch SGD on a classifier, in torch.optim.SGD's convention.

    One step is  V <- momentum V + (grad + weight_decay W),  W <- W - lr V,  for every parameter,
    biases and batch-norm scales included: torch's `weight_decay` is the gradient of
    (weight_decay/2) ||W||^2. Galanti et al. write lambda ||W||^2 in their loss, so the lambda of
    their theorems is weight_decay / 2; the lambda of their captions is weight_decay itself.
    The last partial batch of an epoch is kept.
    """

    MEMBER_FIELDS: ClassVar[frozenset[str]] = frozenset({"seed", "lr", "weight_decay", "momentum"})
    GPU: ClassVar[bool] = True
    SCALARS: ClassVar[tuple[str, ...]] = (
        "train_loss", "train_accuracy", "test_loss", "test_accuracy", "fro_norm",
    )  # fmt: skip
    ARRAYS: ClassVar[tuple[str, ...]] = ("spectrum",)

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
    def objective(self) -> str:
        """The loss by its name in objectives.py."""
        return self.loss

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
        registry.known("dataset", self.dataset, data.names(), key="dataset")
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

    @property
    def datasets(self) -> tuple[str, ...]:
        """The one data set."""
        return (self.dataset,)

    def model_size(self) -> tuple[int, int]:
        """(layers, parameters) of the model; 10 layers of a million in all where not known."""
        if self.model != "mlp_bn":
            return 10, 1_000_000
        facts = data.info(self.dataset, **self.data_options)
        width, depth = self.model_arguments["width"], self.model_arguments["depth"]
        inputs = prod(facts.input_shape)
        return depth, width * inputs + (depth - 1) * width**2 + width * facts.n_classes

    def estimated_seconds(self, members: int, device: str) -> float:
        """Steps x [c_layer layers + K P (c_member + B c_example)] on one core.

        P parameters, B batch size, K members. Fitted to MLP-BN (depth 10, widths 50 and 100,
        B 4-128, K 1-24) on an AMD EPYC core with AVX-512: within a factor of 1.5 there. For other
        models and machines the order of magnitude; for CUDA a guess.
        """
        layers, size = self.model_size()
        step = _LAYER * layers + members * size * (_MEMBER + self.batch_size * _EXAMPLE)
        return _START + self.steps * step / (_CUDA_SPEEDUP if device == "cuda" else 1.0)

    def estimated_megabytes(self, members: int) -> float:
        """The data as float32, twice while they are read, and the state thrice for checkpoints."""
        facts = data.info(self.dataset, **self.data_options)
        arrays = 4 * (facts.n_train + facts.n_test) * prod(facts.input_shape)
        state = 4 * members * self.model_size()[1] * (2 if self.momentum else 1)
        return (2.5 * arrays + 3 * state) / 1e6
