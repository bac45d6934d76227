"""This is the spec of `square_sgd`: mini-batch SGD on the square loss, layers normalised or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from ... import data, models
from ...base import registry
from ...base.errors import UserError
from .. import observed
from ..schedules import multiplier
from ..spec import Ints, Positive
from .sgd import Spec as Sgd

if TYPE_CHECKING:
    Names = tuple[str, ...]
else:
    Names = observed.record_type("square_sgd")


_LARGEST = (1e19, 1e154)  # of float32 and float64: what has a finite square


class Spec(Sgd):
    """A run of SGD on the square loss of Xu et al. (2023), with one of their two kinds of network.

    `normalisation` lagrange: every layer but the head on the unit Frobenius sphere (projected
    gradient and momentum, then renormalised), weight decay on the head alone; so rho, the product
    of the norms, is the head's. none: nothing is normalised, decay on all parameters.
    weight_norm: what the paper's experiments did. Every layer but the head is w = g v / ||v||_F
    with g frozen and v free, by SGD on v; decay on the head's matrix alone. `gain` is the product
    of the g, which have equal parts in it, so rho is `gain` times the head's norm.

    At the start weights are normal draws scaled to norms: `init_norm` for every layer (for the
    head alone with lagrange), `head_norm` for the head if it has its own. With weight_norm they are
    torch's draws: the head's scaled to `init_norm`, each v to `direction_norm`. `label_noise`: that
    share of the training labels is permuted among themselves, so about half of these are wrong
    for two classes. `mse` is torch.nn.MSELoss, (1/(N C)); `square` is C times that.
    """

    MEMBER_FIELDS: ClassVar[frozenset[str]] = Sgd.MEMBER_FIELDS | {
        "init_norm", "head_norm", "label_noise", "gain", "direction_norm",
    }  # fmt: skip
    QUANTITIES: ClassVar[dict[str, str]] = observed.quantities("square_sgd")
    SCALARS: ClassVar[tuple[str, ...]] = observed.names("square_sgd", "scalars")
    ARRAYS: ClassVar[tuple[str, ...]] = observed.names("square_sgd", "arrays")
    OPTIONAL: ClassVar[dict[str, str]] = observed.optional("square_sgd")

    procedure: Literal["square_sgd"] = "square_sgd"  # type: ignore[assignment]
    version: PositiveInt = Field(
        default=2,
        description="Version of the procedure. 2: convolutions side by side, perceptrons by their"
        " own path [1].",
    )
    loss: Literal["mse", "square"] = Field(  # type: ignore[assignment]
        default="mse",
        description="The loss, a mean over the batch. square: of ||f(x) - t||^2; mse: of that"
        " divided by the C outputs, as torch.nn.MSELoss has it.",
    )
    targets: Literal["one_hot", "centred", "sign"] = Field(
        default="one_hot",
        description="The targets t. one_hot: e_y; centred: e_y - 1/C; sign: of one output and two"
        " `classes`, +1 for class 0 and -1 for class 1.",
    )
    normalisation: Literal["lagrange", "weight_norm", "none"] = Field(
        default="lagrange",
        description="lagrange: every layer but the head stays on the unit Frobenius sphere and"
        " decay acts on the head alone; weight_norm: every layer but the head is g v / ||v||_F, g"
        " frozen, v trained, and decay acts on the head's matrix alone; none: nothing is"
        " normalised, decay acts on all parameters.",
    )
    gain: Positive = Field(
        default=1.0,
        description="With weight_norm the product K of the frozen gains; each of n normalised"
        " layers has K^(1/n) [1].",
    )
    direction_norm: Positive | None = Field(
        default=1.0,
        description="With weight_norm the Frobenius norm of every v at the start, which sets how"
        " far its direction turns in a step; null: as torch's initialisation has it [1].",
    )
    init_norm: Positive = Field(
        default=1.0,
        description="Frobenius norm at the start of every layer, or with lagrange and weight_norm"
        " of the head [1].",
    )
    head_norm: Positive | None = Field(
        default=None,
        description="Frobenius norm of the head at the start; null: init_norm [1].",
    )
    label_noise: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0,
        description="Share of the training labels that are permuted among themselves; of two equal"
        " classes about half of these become wrong [1].",
    )
    unit_images: bool = Field(
        default=False, description="Divide each image by its own Frobenius norm."
    )
    lr_schedule: Literal["steps", "cosine"] = Field(
        default="steps",
        description="steps: by lr_milestones; cosine: lr (1 + cos(pi e / epochs)) / 2 in the"
        " 0-based epoch e.",
    )
    record_at: Ints = Field(
        default=(),
        description="Completed epochs that are recorded instead of every record_every; 0 and the"
        " last are always recorded [epochs].",
    )
    record: Names = Field(
        default=(),
        description="Which of the larger records are kept; losses, accuracies, norms and margins"
        " are always there.",
    )

    @property
    def objective(self) -> str:
        """Return the loss by its name in models/_objectives.py."""
        return f"{self.loss}_{self.targets}"

    def lr_multiplier(self, epoch: int) -> float:
        """Return the schedule's factor during 0-based epoch `epoch`."""
        return multiplier(epoch, self.epochs, self.lr_milestones, self.lr_factor, self.lr_schedule)

    @property
    def record_epochs(self) -> tuple[int, ...]:
        """Return the completed epochs at which the run is measured; 0 and the last always."""
        if not self.record_at:
            return super().record_epochs
        return tuple(sorted({0, *self.record_at, self.epochs}))

    def check(self) -> None:
        """Raise UserError for targets, models, schedules and records that the run cannot have."""
        super().check()
        if not self.model_info.features:
            able = ", ".join(n for n in registry.names("models") if models.info(n).features)
            raise UserError(f"model: {self.model!r} has no `features`; use one of {able}")
        if self.targets == "sign" and (self.classes is None or len(self.classes) != 2):
            raise UserError("targets: 'sign' needs two classes; name them in `classes`")
        if self.lr_schedule == "cosine" and self.lr_milestones:
            raise UserError("lr_milestones: belong to lr_schedule 'steps', not to 'cosine'")
        if self.normalisation == "weight_norm":
            self._check_gains()
        elif self.gain != 1 or self.direction_norm != 1:
            raise UserError("gain: and direction_norm belong to normalisation 'weight_norm'")
        if self.decay != "all" and self.normalisation != "none":
            raise UserError(
                f"decay: 'weights' belongs to normalisation 'none'; with {self.normalisation!r}"
                " weight_decay acts on the last layer's matrix alone"
            )
        if self.evaluate != "records":
            raise UserError("evaluate: square_sgd needs the outputs at every record")
        if any(not 0 <= e <= self.epochs for e in self.record_at):
            raise UserError(f"record_at: {list(self.record_at)} is not within 0 to {self.epochs}")

    def _check_gains(self) -> None:
        """Refuse what cannot end in finite numbers, and models without weight normalisation."""
        if self.model_size().by_hand:
            raise UserError(
                f"model: {self.model!r} has no weight normalisation: its steps are written out"
            )
        if self.head_norm is not None:
            raise UserError("head_norm: with weight_norm init_norm is the head's")
        largest = _LARGEST[self.precision == "float64"]
        for name, value in (("gain", self.gain), ("lr", self.lr * self.gain)):
            if value * self.init_norm > largest:
                raise UserError(
                    f"{name}: {getattr(self, name):g} makes outputs, or a step, whose square is"
                    f" infinite in {self.precision}"
                )
        if self.lr * self.weight_decay >= 2 * (1 + self.momentum):
            raise UserError(
                f"weight_decay: {self.weight_decay:g} with lr {self.lr:g} makes the head grow at"
                f" every step; lr x weight_decay must be below {2 * (1 + self.momentum):g}"
            )

    @property
    def label(self) -> str:
        """Return procedure, model, data and batch size as one word."""
        return f"square_sgd-{super().label}"

    def multiply_adds(self) -> int:
        """Return the multiply-adds of one example's forward pass, head left out."""
        shape = data.info(self.dataset, **self.data_options).input_shape
        return int(self.model_info.size(self.model_arguments, shape, 0).multiply_adds)

    def estimated_seconds(self, members: int, device: str) -> float:
        """Return steps x members x (overhead + B x multiply-adds x time of one) [s].

        The time of a multiply-add covers forward and backward pass. Fitted to packs of ten, widths
        4 (convolutions) and 64 (perceptron), 28x28 grey images, on one core.
        """
        size = self.model_size()
        example = self.multiply_adds() * size.multiply_add_seconds
        train = members * (self.steps * size.step_seconds + self.samples * example)
        return 4.0 + train / (10.0 if device == "cuda" else 1.0)
