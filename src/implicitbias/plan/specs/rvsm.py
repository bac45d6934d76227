"""This is the spec of `rvsm`: the relaxed variable splitting method on one hidden ReLU layer."""

from __future__ import annotations

from math import ceil
from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from ...base.errors import UserError
from ..spec import NonNegative, Positive, RunSpec

_START = 3.0  # seconds to start a process
_ENTRY, _STEP = 4e-8, 4e-4  # seconds per entry of a weight and step, and per step
_GEMM = 1.5e-9  # seconds per patch entry of a sample and member


class Spec(RunSpec):
    """A run of relaxed variable splitting: w moves by gradient steps, u by thresholding w.

    w <- w - eta (grad f(w) + beta (w - u)), back on the unit sphere if `domain` is `sphere`, then
    u <- T(w) with the operator of `penalty` whose cut-off is `cutoff`: penalties are compared at
    equal cut-offs. Stops when w moves by less than `stop`, or after `iterations`. `none` is plain
    gradient descent: u is w.

    The seed's stream draws, in this order, the support of w*, its entries, and the start; a
    `start_seed` draws the start from a stream of its own, `start_angle` rotates it to that angle
    (radians) from w*. Samples and batches have streams of their own. Recorded epochs are
    iterations: 0, `record_points` log-spaced ones, and the last.
    """

    MEMBER_FIELDS: ClassVar[frozenset[str]] = frozenset({
        "seed", "start_seed", "start_angle", "patches", "sparsity", "penalty", "tl1_shape", "beta",
        "cutoff", "eta", "domain", "iterations", "stop", "record_points", "record_entries",
    })  # fmt: skip
    PACK_SIZE: ClassVar[int | None] = 500  # runs are tiny; pack.json must fit on a command line
    QUANTITIES: ClassVar[dict[str, str]] = {
        "angle": "Angle between w and w* [radians].",
        "loss": "f(w), the loss over the population of inputs, whichever gradient is used [1].",
        "lagrangian": "f(w) + lambda P(u) + (beta/2) ||w - u||_2^2, lambda = beta mu [1].",
        "nonzeros": "Non-zero entries of u [1].",
        "split_angle": (
            "Angle between w and u, recorded at the end like every quantity below; 0 where u"
            " = 0 [radians]."
        ),
        "split_norm": "||u||_2 [1].",
        "weight_norm": "||w||_2 [1].",
        "distance": "||w - w*||_2 [1].",
        "true_positives": "Non-zero entries of u where w* has one [1].",
        "off_support": "Non-zero entries of u where w* has none [1].",
        "split_loss": "f(u) [1].",
        "rescaled_split_loss": "f(u / ||u||_2); missing where u = 0 [1].",
        "oracle_nonzeros": (
            "Number of entries of w* above the cutoff, which are what the best pruning keeps [1]."
        ),
        "oracle_loss": "f of w* without its entries up to the cutoff [1].",
        "lagrangian_rise": (
            "Largest rise of the lagrangian in one iteration; 0 where it only falls [1]."
        ),
        "residual_stationarity": (
            "max_i |B (w - u) + C w - w*|_i, 0 at a limit; B and C as in"
            " train/procedures/_rvsm_limits.py [1]."
        ),
        "residual_balance": (
            "|(pi - t) sin t - k pi beta ||u|| sin g| for t = angle and g = split_angle, 0 at a"
            " limit [1]."
        ),
        "residual_threshold": "max_i |w - new_threshold|_i, 0 at a limit [1].",
        "off_support_max": "Largest |w_i| where w* is 0 [1].",
        "closeness_bound": (
            "2 sqrt(2) k beta ||u|| sin g, no less than distance at a limit on the sphere with"
            " angle up to pi/2 [1]."
        ),
        "iterations_used": "Iterations until the run stopped [iterations].",
        "start_angle_used": "Between w(0) and w* [radians].",
        "beta_limit": (
            "d sin(d) / (k pi), d = pi - start_angle_used: the largest beta of the convergence"
            " theorem [1]."
        ),
        "weight": "An entry of w, by layer `entry<i>` [1].",
        "split": "An entry of u [1].",
        "truth": "An entry of w* [1].",
        "new_threshold": "An entry of the thresholding of w* that w is at a limit [1].",
    }
    SCALARS: ClassVar[tuple[str, ...]] = tuple(QUANTITIES)

    procedure: Literal["rvsm"] = "rvsm"
    dimension: PositiveInt = Field(default=50, description="Number d of entries of w [1].")
    patches: PositiveInt = Field(default=20, description="Number k of patches of an input [1].")
    sparsity: PositiveInt = Field(
        default=10, description="Number of non-zero entries of w*, at most dimension [1]."
    )
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
        default=0.004, description="Strength of the coupling (beta/2) ||w - u||_2^2 [1]."
    )
    cutoff: NonNegative = Field(
        default=0.05,
        description="Largest |w_i| that the operator sets to 0: lambda / beta for l1, sqrt(2 lambda"
        " / beta) for l0 [1].",
    )
    eta: Positive = Field(default=1.0, description="Step size of w [1].")
    domain: Literal["sphere", "free"] = Field(
        default="sphere",
        description="sphere: w returns to ||w||_2 = 1 after each step; free: it does not.",
    )
    iterations: PositiveInt = Field(default=2000, description="Most steps of a run [iterations].")
    stop: NonNegative = Field(
        default=1e-13, description="A run ends when w moves by less than this, in l2 norm [1]."
    )
    gradient: Literal["population", "full_batch", "minibatch"] = Field(
        default="population",
        description="The loss whose gradient is taken. population: that over all Gaussian inputs,"
        " in closed form; full_batch: that over n_examples samples; minibatch: that over batches"
        " of these.",
    )
    n_examples: PositiveInt = Field(
        default=8000,
        description="Number of samples, where the gradient is not the population's [examples].",
    )
    batch_size: PositiveInt = Field(
        default=100,
        description="Batch size of minibatch gradients, at most n_examples; a last, smaller batch"
        " is left out [examples].",
    )
    start_seed: NonNegativeInt | None = Field(
        default=None,
        description="Seed of w(0) alone; null: w(0) and w* both come from the stream of seed [1].",
    )
    start_angle: Annotated[float, Field(gt=0, lt=3.1415926)] | None = Field(
        default=None, description="Angle between w(0) and w*; null: as drawn [radians]."
    )
    record_points: NonNegativeInt = Field(
        default=0,
        description="Number of log-spaced iterations that are recorded beside 0 and the last; 0:"
        " the last alone [1].",
    )
    record_entries: bool = Field(
        default=False, description="Record every entry of w, u and w* at the end."
    )

    @property
    def samples(self) -> int:
        """Return the number of examples that gradients are taken of.

        The population gradient counts one a step.
        """
        per_step = {"population": 1, "full_batch": self.n_examples, "minibatch": self.batch_size}
        return self.steps * per_step[self.gradient]

    @property
    def steps(self) -> int:
        """Return the most iterations that a run takes; most stop before."""
        return self.iterations

    @property
    def label(self) -> str:
        """Return procedure, gradient and dimension as one word."""
        return f"rvsm-{self.gradient}-d{self.dimension}"

    def check(self) -> None:
        """Raise UserError for supports and batches that cannot be."""
        if self.sparsity > self.dimension:
            raise UserError(f"sparsity: {self.sparsity} is more than dimension {self.dimension}")
        if self.gradient == "minibatch" and self.batch_size > self.n_examples:
            raise UserError(f"batch_size: {self.batch_size} is more than the {self.n_examples}")

    def estimated_seconds(self, members: int, device: str) -> float:
        """Return steps x (overhead + entries), and the gemms with the samples [s].

        One core, any device.
        """
        step = _STEP + members * self.dimension * _ENTRY
        gemms = self.samples * self.patches * self.dimension * members * _GEMM
        return ceil(_START + self.steps * step + (self.gradient != "population") * gemms)

    def estimated_megabytes(self, members: int) -> float:
        """Return the memory of each seed's samples, one seed at a time [MB].

        The gemms of samples and weights are counted too.
        """
        if self.gradient == "population":
            return 1.0
        rows = self.n_examples * self.patches
        return 8 * rows * (self.dimension + 4 * members) / 1e6
