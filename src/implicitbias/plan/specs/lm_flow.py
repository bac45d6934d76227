"""This is the spec of `lm_flow`: the gradient flow of the square loss, layers on the sphere."""

from __future__ import annotations

from math import ceil, isclose
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from ...base.errors import UserError
from ..spec import LARGEST, NonNegative, Positive, RunSpec

_START, _FLOW, _STEP = 4.0, 0.7, 8e-5  # seconds: process, integration, step


class Spec(RunSpec):
    """A run that minimises (1/N) sum_n (g(x_n) - y_n)^2 + lambda rho^2 with layers on the sphere.

    The sphere is that of Frobenius norm 1. g(x) = rho f(x), f(x) = V_L phi(V_{L-1} ... phi(V_1 x)),
    ||V_k||_F = 1, no biases, one output, y_n alternating between +1 and -1. `free` last_layer: W_L
    = rho V_L is a free matrix, as in `square_sgd`; scalar: V_L is on the sphere too and rho a
    number of its own. `weight_decay` is torch's, so lambda = weight_decay / 2, as in `square_sgd`
    with loss `square`.

    `lr` null: the flow, by DOP853 at `rtol` (atol a hundredth of it). Else gradient steps of that
    size, projected and renormalised, to the same time `horizon`: horizon / lr of them.

    `activation`: each makes a layer homogeneous of degree 1 in its weights, as the theory needs.
    linear; smooth_relu, (z + sqrt(z^2 + r^2)) / 2 of z = V h, r = smoothing ||V||_F ||h|| /
    sqrt(width), smooth and at smoothing 0 the ReLU; relu, whose flow is integrated from kink to
    kink and ends where it would slide along one.
    A flow stops at speed `stop`, and after `max_evaluations` of its right-hand side: that one is
    recorded as not converged, its later rows as missing.

    The seed's stream draws the inputs, Gaussian directions of length 1, then the weights. Recorded
    epochs are indices of `record_points` evenly spaced times, 0 and the horizon included.
    """

    MEMBER_FIELDS: ClassVar[frozenset[str]] = frozenset({
        "seed", "weight_decay", "lr", "init_norm", "activation", "horizon", "stop",
        "record_points",
    })  # fmt: skip
    PACK_SIZE: ClassVar[int | None] = 256
    QUANTITIES: ClassVar[dict[str, str]] = {
        "time": "Time of the flow; each step of descent counts as time lr [time].",
        "rho": "Product of the norms of the layers: g = rho f [1].",
        "loss": "(1/N) sum_n (g(x_n) - y_n)^2, without decay [1].",
        "decay_lambda": "lambda = weight_decay / 2 [1].",
        "alignment": "mu, the mean of y_n f_n [1].",
        "output_square": "M, the mean of f_n^2 [1].",
        "margin_min": "Smallest y_n g_n [1].",
        "margin_max": "Largest y_n g_n [1].",
        "gap_rho": (
            "|rho' - 2 (mu - rho (M + lambda))| over what bounds its terms; 0 on a flow [1]."
        ),
        "gap_direction": (
            "Largest over layers of the difference of V_k' and its equation, over what bounds its"
            " terms; 0 on a flow [1]."
        ),
        "gap_multiplier": (
            "Largest over layers of the difference of the multiplier and its formula, over what"
            " bounds its terms; 0 always [1]."
        ),
        "gap_equilibrium": "|rho - mu / (M + lambda)| / rho; 0 at rest [1].",
        "gap_loss": "|loss + lambda rho^2 - (1 - rho mu)|; 0 at rest [1].",
        "gap_decay": "|lambda rho^2 - mean of e_n (1 - e_n)|, e_n = 1 - y_n g_n; 0 at rest [1].",
        "gap_critical": (
            "max_k ||lambda rho V_k - (1/N) sum_n (y_n - g_n) df_n/dV_k||; 0 at rest [1]."
        ),
        "unit_drift": "Largest | ||V_k||_F - 1 | of a layer on the sphere [1].",
        "speed": "l2 norm of the flow's velocity [1/time].",
        "flow_distance": "l2 distance to the flow at the same time; 0 for the flow itself [1].",
        "flow_error": "l2 distance of the flow to the same flow at a hundred times its rtol [1].",
        "converged": (
            "1 if the flow reached its end within max_evaluations, else 0; recorded at the end [1]."
        ),
        "slid": (
            "1 if the flow of a relu network ended at a kink along which it would slide, else 0;"
            " recorded at the end [1]."
        ),
    }
    SCALARS: ClassVar[tuple[str, ...]] = tuple(QUANTITIES)

    procedure: Literal["lm_flow"] = "lm_flow"
    n_examples: PositiveInt = Field(
        default=20,
        description="Number N of examples, whose labels alternate between +1 and -1 [examples].",
    )
    dimension: PositiveInt = Field(default=12, description="Number of entries of an input [1].")
    width: PositiveInt = Field(default=16, description="Width of a hidden layer [1].")
    depth: PositiveInt = Field(default=3, description="Number L of weight matrices [1].")
    activation: Literal["linear", "smooth_relu", "relu"] = Field(
        default="smooth_relu",
        description="The activation phi, homogeneous of degree 1 in the weights. linear: the"
        " identity; smooth_relu: (z + sqrt(z^2 + r^2)) / 2; relu: max(z, 0).",
    )
    smoothing: Positive = Field(
        default=0.1,
        description="Smoothing s of smooth_relu: r = s ||V||_F ||h||_2 / sqrt(width); 0 would be"
        " relu [1].",
    )
    free: Literal["last_layer", "scalar"] = Field(
        default="last_layer",
        description="The part that is not on the unit sphere. last_layer: the matrix W_L = rho"
        " V_L; scalar: a number rho beside V_1 ... V_L.",
    )
    weight_decay: NonNegative = Field(
        default=0.02,
        description="Weight decay as torch has it, so that lambda of lambda rho^2 is half of it"
        " [1].",
    )
    init_norm: Positive = Field(default=1.0, description="The value of rho at time 0 [1].")
    lr: Positive | None = Field(
        default=None,
        description="Step size in time, of which a whole number lies between recorded times; null:"
        " the flow itself [time].",
    )
    horizon: Positive = Field(default=10.0, description="Latest time [time].")
    record_points: Annotated[int, Field(ge=2)] = Field(
        default=21,
        description="Number of evenly spaced recorded times, 0 and the horizon included [1].",
    )
    rtol: Annotated[float, Field(ge=1e-13, le=1e-3)] = Field(
        default=1e-10,
        description="Relative tolerance of the flow's solver; the absolute one is a hundredth [1].",
    )
    stop: NonNegative = Field(
        default=0.0,
        description="A flow ends at a velocity of this l2 norm; 0, the only value for steps: at the"
        " horizon [1/time].",
    )
    max_evaluations: PositiveInt = Field(
        default=100_000,
        description="Most evaluations of a flow's right-hand side; a flow that needs more is"
        " recorded as not converged [1].",
    )

    @property
    def steps(self) -> int:
        """Return horizon / lr, the number of steps; a flow counts as one."""
        return 1 if self.lr is None else round(self.horizon / self.lr)

    @property
    def samples(self) -> int:
        """Return the number of examples in all steps."""
        return self.steps * self.n_examples

    @property
    def label(self) -> str:
        """Return procedure and width as one word."""
        return f"lm_flow-w{self.width}"

    def check(self) -> None:
        """Raise UserError for steps that miss the recorded times, and fields that do not apply."""
        if self.lr is None:
            return
        if not self.horizon / self.lr <= LARGEST:
            raise UserError(f"lr: {self.lr}: more than {LARGEST} steps to horizon {self.horizon}")
        spacing = self.horizon / (self.record_points - 1)
        if self.lr > spacing or not isclose(spacing / self.lr, round(spacing / self.lr)):
            raise UserError(
                f"lr: {self.lr}: the recorded times are {spacing:g} apart, not a whole number of"
                " steps; change lr, horizon or record_points"
            )
        if self.stop:
            raise UserError(f"stop: {self.stop}: is of a flow; steps run to the horizon")

    def estimated_seconds(self, members: int, device: str) -> float:
        """Return the seconds to integrate each member's flow twice; steps come on top."""
        return ceil(_START + members * (_FLOW + self.steps * _STEP))
