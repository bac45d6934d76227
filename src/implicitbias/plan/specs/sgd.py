"""This is the spec of `sgd`: mini-batch SGD on a classifier."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from ... import data
from ...base.errors import UserError
from ...models._size import Size
from .. import observed
from ..schedules import multiplier
from ..spec import Ints, NonNegative, Positive
from ._network import NetworkSpec

if TYPE_CHECKING:
    Names = tuple[str, ...]
else:
    Names = observed.record_type("sgd")
# Seconds, see estimated_seconds.
_LAYER, _MEMBER, _EXAMPLE, _AUTOGRAD = 4e-5, 9.5e-10, 6.5e-11, 4e-5
_CUDA_SPEEDUP = 10.0
_START = 4.0  # start a process, import torch, read the data


class Spec(NetworkSpec):
    """A run of mini-batch SGD on a classifier, in torch.optim.SGD's convention.

    One step is  V <- momentum V + (grad + weight_decay W),  W <- W - lr V,  for every parameter,
    biases and batch-norm scales included unless `decay` says otherwise: torch's `weight_decay` is
    the gradient of (weight_decay/2) ||W||^2. Galanti et al. write lambda ||W||^2 in their loss, so
    the lambda of their theorems is weight_decay / 2; the lambda of their captions is weight_decay
    itself.
    The last partial batch of an epoch is kept.
    """

    MEMBER_FIELDS: ClassVar[frozenset[str]] = frozenset({"seed", "lr", "weight_decay", "momentum"})
    GPU: ClassVar[bool] = True
    QUANTITIES: ClassVar[dict[str, str]] = observed.quantities("sgd")
    SCALARS: ClassVar[tuple[str, ...]] = observed.names("sgd", "scalars")
    ARRAYS: ClassVar[tuple[str, ...]] = observed.names("sgd", "arrays")
    OPTIONAL: ClassVar[dict[str, str]] = observed.optional("sgd")

    procedure: Literal["sgd"] = "sgd"
    classes: Ints | None = Field(
        default=None,
        description="Labels of the classes kept, two or more, renumbered from 0; null: all.",
    )
    loss: Literal["cross_entropy", "square"] = Field(
        default="cross_entropy",
        description="The loss, a mean over the batch. cross_entropy: of -log softmax, natural"
        " logarithm; square: of ||f(x) - one-hot target||^2, without 1/C and without 1/2.",
    )
    weight_decay: NonNegative = Field(
        default=0.0,
        description="Weight decay as torch has it: weight_decay W is added to the gradient of"
        " every parameter, the penalty is (weight_decay/2) ||W||_F^2; the lambda of a lambda"
        " ||W||^2 is half of it [1].",
    )
    decay: Literal["all", "weights"] = Field(
        default="all",
        description="What weight_decay acts on. all: every parameter, as torch's optimiser does"
        " and the papers did; weights: matrices, kernels and embeddings alone, not biases and not"
        " the scales and shifts of normalisation.",
    )
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0,
        description="Heavy ball: V <- momentum V + gradient, W <- W - lr V, without dampening [1].",
    )
    lr_milestones: Ints = Field(
        default=(),
        description="1-based epochs, ascending from 2, from whose first step on lr is multiplied by"
        " lr_factor: [60] leaves 59 epochs at the full rate, as the authors' MultiStepLR, stepped"
        " at the start of each epoch, does [epochs].",
    )
    lr_factor: Positive = Field(default=0.2, description="Factor of lr at each milestone [1].")
    precision: Literal["float32", "float64", "bfloat16", "tf32"] = Field(
        default="float32",
        description="Precision of training. bfloat16: of matrix products and convolutions, as"
        " torch.autocast has it, in evaluation too; weights, updates, statistics of normalisation,"
        " losses and spectra stay in float32. tf32: on CUDA devices, which alone have it, factors"
        " of float32 products are rounded to 10 bits of mantissa, in evaluation too.",
    )
    record: Names = Field(default=(), description="Which of the larger records are kept.")
    # Measuring all at each record took up to a third of a narrow ResNet-18's time.
    evaluate: Literal["records", "end"] = Field(
        default="records",
        description="When losses and accuracies over all examples are measured. records: at every"
        " record; end: after the last epoch. Spectra and norms are measured at every record.",
    )
    movement_epochs: PositiveInt = Field(
        default=1,
        description="Span before each record of `record: [movement]`, at most record_every"
        " [epochs].",
    )

    def shape(self) -> dict[str, Any]:
        """Return the fields that the runs of a pack share: for SGD also whether there is momentum.

        Momentum needs a buffer and another order of the additions, so that a run's last bits would
        depend on its neighbours.
        """
        return {**super().shape(), "momentum": self.momentum > 0}

    @property
    def normalises_batch(self) -> bool:
        """Return whether the model normalises over the batch.

        A model with an argument for that says it by its value.
        """
        argument = self.model_arguments.get("batch_norm")
        return self.model_info.batch_norm if argument is None else bool(argument)

    @property
    def objective(self) -> str:
        """Return the loss by its name in models/_objectives.py."""
        return self.loss

    @property
    def data_options(self) -> dict[str, Any]:
        """Return the keyword arguments of `data.info` and `data.load`."""
        return {**super().data_options, "classes": self.classes}

    @property
    def label(self) -> str:
        """Return model, data and batch size as one word."""
        return f"{self.model}-{self.dataset}-b{self.batch_size}"

    def lr_multiplier(self, epoch: int) -> float:
        """Return the schedule's factor during 0-based epoch `epoch`."""
        return multiplier(epoch, self.epochs, self.lr_milestones, self.lr_factor)

    def decay_exponent(self) -> float:
        """Return the sum over steps of lr_t x weight_decay.

        Weights without gradient shrink by exp(-this). It governs how far SGD with weight decay
        forgets its initialisation.
        """
        scale = sum(self.lr_multiplier(e) for e in range(self.epochs))
        return self.lr * self.weight_decay * self.steps_per_epoch * scale

    def check(self) -> None:
        """Raise UserError for batches of one, schedules and records that the run cannot have."""
        super().check()
        n = self.n_examples
        if self.normalises_batch and 1 in (self.batch_size, n % self.batch_size):
            raise UserError(
                f"batch_size: {self.batch_size} leaves a batch of one of the {n} examples of"
                f" {self.dataset}, which {self.model} cannot normalise; choose another"
            )
        if list(self.lr_milestones) != sorted({*self.lr_milestones} - {0, 1}):
            raise UserError(f"lr_milestones: {list(self.lr_milestones)} must ascend, from 2 on")
        if self.record and self.precision in ("bfloat16", "tf32"):
            raise UserError(
                f"record: {self.record[0]} is not recorded with precision: {self.precision}"
            )
        observed.check(self)

    def model_size(self) -> Size:
        """Return the model's size as far as it is known without building the model."""
        facts = data.info(self.dataset, **self.data_options)
        return self.model_info.size(self.model_arguments, facts.input_shape, facts.n_classes)

    def estimated_seconds(self, members: int, device: str) -> float:
        """Return steps x [c_layer layers + K (c_autograd layers + P c_member + B M c_example)].

        In seconds on one core.

        P parameters, M multiply-adds per example, B batch size, K members. Fitted to MLP-BN, where
        M = P (depth 10, widths 50 and 100, B 4-128, K 1-24) and nothing is autograd's, on an AMD
        EPYC core with AVX-512: within a factor of 1.5 there, and of 2 for ResNet-18 and VGG-16
        (width 8, B 4-128, K 12-46) and the ViT (dim 32, B 8-128, K 6-12), to which its activations
        are added. For other models and machines the order of magnitude; for CUDA a guess.
        """
        size = self.model_size()
        member = size.parameters * _MEMBER + self.batch_size * size.multiply_adds * _EXAMPLE
        member += 0 if size.by_hand else size.layers * _AUTOGRAD
        member += self.batch_size * size.activations * size.activation_seconds
        step = _LAYER * size.layers + members * member
        return _START + self.steps * step / (_CUDA_SPEEDUP if device == "cuda" else 1.0)

    def estimated_megabytes(self, members: int) -> float:
        """Return the memory of the data, the state and the activations [MB].

        The data count as float32, twice while they are read, and the state counts three times
        because of checkpoints. The activations of a batch of every member are added; this part is
        within a half of the measured value.
        """
        facts, size = data.info(self.dataset, **self.data_options), self.model_size()
        arrays = 4 * (facts.n_train + facts.n_test) * prod(facts.input_shape)
        state = 4 * members * size.parameters * (2 if self.momentum else 1)
        batches = 4 * members * self.batch_size * size.activations
        return (2.5 * arrays + 3 * state + batches) / 1e6
