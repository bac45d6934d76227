"""The spec of `rvsm`: the relaxed variable splitting method on one hidden ReLU layer."""

from __future__ import annotations

from math import ceil
from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from ...base.errors import UserError
from ..spec import NonNegative, Positive, RunSpec

_START = 3.0  # seconds to start a process
_ENTRY, _STEP = 4e-8, 4e-4  # seconds per entry of a weight and step, and per step
_PRODUCT = 1.5e-9  # seconds per patch entry of a sample and member


class Spec(RunSpec):
    """Relaxed variable splitting: w by gradient steps, u by thresholding w.

    w <- w - eta (grad f(w) + beta (w - u)), back on the unit sphere if `domain` is `sphere`, then
    u <- T(w) with the operator of `penalty` whose cut-off is `cutoff`: penalties are compared at
    equal cut-offs. Stops when w moves by less than `stop`, or after `iterations`. `none` is plain
    gradient descent: u is w.

    The seed's stream draws, in this order, the support of w*, its entries, and the start; a
    `start_seed` draws the start from a stream of its own, `start_angle` turns it to that angle
    (radians) from w*. Samples and batches have streams of their own. Recorded epochs are
    iterations: 0, `record_points` log-spaced ones, and the last.
    """

    MEMBER_FIELDS: ClassVar[frozenset[str]] = frozenset({
        "seed", "start_seed", "start_angle", "patches", "sparsity", "penalty", "tl1_shape", "beta",
        "cutoff", "eta", "domain", "iterations", "stop", "record_points", "record_entries",
    })  # fmt: skip
    PACK_SIZE: ClassVar[int | None] = 500  # runs are tiny; pack.json must fit on a command line
    SCALARS: ClassVar[tuple[str, ...]] = (
        "angle", "loss", "lagrangian", "nonzeros",
        "split_angle", "split_norm", "weight_norm", "distance", "true_positives", "off_support",
        "split_loss", "rescaled_split_loss", "oracle_nonzeros", "oracle_loss", "lagrangian_rise",
        "residual_stationarity", "residual_balance", "residual_threshold", "off_support_max",
        "closeness_bound", "iterations_used", "start_angle_used", "beta_limit",
        "weight", "split", "truth", "new_threshold",
    )  # fmt: skip

    procedure: Literal["rvsm"] = "rvsm"
    dimension: PositiveInt = 50
    patches: PositiveInt = 20
    sparsity: PositiveInt = 10  # non-zeros of w*
    penalty: Literal["none", "l1", "l0", "tl1"]
    tl1_shape: Positive = 1.0
    beta: Positive = 0.004
    cutoff: NonNegative = 0.05
    eta: Positive = 1.0
    domain: Literal["sphere", "free"] = "sphere"
    iterations: PositiveInt = 2000
    stop: NonNegative = 1e-13
    gradient: Literal["population", "full_batch", "minibatch"] = "population"
    n_examples: PositiveInt = 8000  # of the finite samples
    batch_size: PositiveInt = 100
    start_seed: NonNegativeInt | None = None
    start_angle: Annotated[float, Field(gt=0, lt=3.1415926)] | None = None
    record_points: NonNegativeInt = 0
    record_entries: bool = False

    @property
    def samples(self) -> int:
        """Examples that gradients are taken of; one a step for the population gradient."""
        per_step = {"population": 1, "full_batch": self.n_examples, "minibatch": self.batch_size}
        return self.steps * per_step[self.gradient]

    @property
    def steps(self) -> int:
        """At most: most runs stop before."""
        return self.iterations

    @property
    def label(self) -> str:
        """Procedure, gradient and dimension."""
        return f"rvsm-{self.gradient}-d{self.dimension}"

    def check(self) -> None:
        """Supports and batches that cannot be."""
        if self.sparsity > self.dimension:
            raise UserError(f"sparsity: {self.sparsity} is more than dimension {self.dimension}")
        if self.gradient == "minibatch" and self.batch_size > self.n_examples:
            raise UserError(f"batch_size: {self.batch_size} is more than the {self.n_examples}")

    def estimated_seconds(self, members: int, device: str) -> float:
        """Steps x (overhead + entries), and the products with the samples; one core, any device."""
        step = _STEP + members * self.dimension * _ENTRY
        products = self.samples * self.patches * self.dimension * members * _PRODUCT
        return ceil(_START + self.steps * step + (self.gradient != "population") * products)

    def estimated_megabytes(self, members: int) -> float:
        """The samples of each seed, one at a time, and the products with the weights."""
        if self.gradient == "population":
            return 1.0
        rows = self.n_examples * self.patches
        return 8 * rows * (self.dimension + 4 * members) / 1e6
