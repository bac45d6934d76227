"""This is the spec of `splitting_sgd`: relaxed variable splitting, or pruning, of a network."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from ... import data
from ...base.errors import UserError
from .. import observed
from ..spec import NonNegative, Positive
from ._network import NetworkSpec

_START = 4.0  # seconds to start a process, import torch, read the data
_STEP, _EXAMPLE = 3e-4, 2.2e-5  # seconds per member and step, and per member and example
Share = Annotated[float, Field(ge=0, lt=1)]


class Spec(NetworkSpec):
    """A run of mini-batch SGD on f(w) + lambda P(u) + (beta/2) ||w - u||^2, f the cross-entropy.

    One step is  w <- w - lr (grad f(w) + beta (w - u)),  then  u <- T(w), the operator of `penalty`
    with cut-off `cutoff`: penalties are compared at equal cut-offs. w are the weights of all linear
    and convolutional layers; biases follow plain SGD. `none` is plain SGD, u is w.

    `prune_share` is magnitude pruning with fine-tuning instead (penalty none): after `prune_epoch`
    completed epochs the smallest entries of w, in all layers together, are set to zero and stay so.
    """

    MEMBER_FIELDS: ClassVar[frozenset[str]] = frozenset({
        "seed", "lr", "penalty", "tl1_shape", "beta", "cutoff", "prune_share", "prune_epoch",
    })  # fmt: skip
    QUANTITIES: ClassVar[dict[str, str]] = observed.quantities("splitting_sgd")
    SCALARS: ClassVar[tuple[str, ...]] = observed.names("splitting_sgd", "scalars")
    precision: ClassVar[str] = "float32"
    objective: ClassVar[str] = "cross_entropy"
    weight_decay: ClassVar[float] = 0.0
    decay: ClassVar[str] = "all"
    momentum: ClassVar[float] = 0.0

    procedure: Literal["splitting_sgd"] = "splitting_sgd"
    penalty: Literal["none", "l1", "l0", "tl1"] = Field(
        description="The penalty P of lambda P(u), whose operator T thresholds w: l1 soft, l0 hard,"
        " tl1 transformed l1 with shape tl1_shape; none: u = w."
    )
    tl1_shape: Positive = Field(
        default=1.0,
        description="The shape a of transformed l1, sum (a + 1) |u_i| / (a + |u_i|): towards l0 as"
        " a falls, l1 as it grows [1].",
    )
    beta: Positive = Field(
        default=0.1, description="Strength of the coupling (beta/2) ||w - u||_F^2 [1]."
    )
    cutoff: NonNegative = Field(
        default=0.0,
        description="Largest |w_i| that the operator sets to 0: lambda / beta for l1, sqrt(2 lambda"
        " / beta) for l0 [1].",
    )
    prune_share: Share | None = Field(
        default=None,
        description="Share of all weights that magnitude pruning sets to zero, after prune_epoch"
        " completed epochs; needs penalty none; null: no pruning [1].",
    )
    prune_epoch: PositiveInt | None = Field(
        default=None,
        description="Completed epochs before the pruning, fewer than epochs; null: no pruning"
        " [epochs].",
    )
    record_every: PositiveInt = Field(
        default=1000,
        description="Epochs between records; completed epochs 0 and the last are always recorded"
        " [epochs].",
    )

    @property
    def label(self) -> str:
        """Return procedure, model and data as one word."""
        return f"splitting_sgd-{self.model}-{self.dataset}"

    def check(self) -> None:
        """Raise UserError for normalised batches and prunings that the run cannot have."""
        super().check()
        if self.model_info.batch_norm:
            raise UserError(f"model: {self.model} normalises over the batch; its running means"
                            " would not be those of the network at u")  # fmt: skip
        if (self.prune_share is None) != (self.prune_epoch is None):
            raise UserError("prune_share: needs prune_epoch, and prune_epoch needs prune_share")
        if self.prune_share is not None and self.penalty != "none":
            raise UserError("prune_share: needs penalty: none; a penalty prunes by itself")
        if self.prune_epoch is not None and self.prune_epoch >= self.epochs:
            raise UserError(f"prune_epoch: {self.prune_epoch} leaves nothing of {self.epochs}")

    def estimated_seconds(self, members: int, device: str) -> float:
        """Return steps x members x (overhead + examples), fitted to conv_small on one core [s]."""
        return _START + members * (self.steps * _STEP + self.samples * _EXAMPLE)

    def estimated_megabytes(self, members: int) -> float:
        """Return the memory of the data as float32, twice while they are read [MB].

        The networks are small beside them.
        """
        facts = data.info(self.dataset, **self.data_options)
        size = 1
        for side in facts.input_shape:
            size *= side
        return 4 * (facts.n_train + facts.n_test) * size * 2.5 / 1e6 + 100
