"""This is the spec of `weight_norm_flow`: diagonal linear networks, plain and weight-normalised."""

from __future__ import annotations

from math import ceil
from typing import ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from ...base.errors import UserError
from ..spec import NonNegative, Positive, RunSpec

_START = 3.0  # seconds to start a process
_STEP, _ENTRY, _GEMM = 6e-5, 1.2e-8, 1e-10  # seconds per step, weight, and matrix entry
_FLOW = 0.3  # seconds per adaptive integration


class Spec(RunSpec):
    """A run that fits z = x^depth to y = A z, by gradient descent or flow on (1/2) ||A z - y||^2.

    `signed`: z = x_+^depth - x_-^depth. `rate_ratio` c = eta_u / eta_r: x = r u with ||u|| = 1, r
    and u at their own rates; null: plain, no weight normalisation. `polar_pairs`: one pair for all
    of x, or one each for x_+ and x_-. `form`: projected steps, Salimans-Kingma steps (no
    projection), or the flow by an adaptive solver. The start is uniform, ||x(0)|| = `init_norm`.

    The seed's stream draws A (`measurements` x `dimension`, N(0, 1/measurements)), the support, the
    signs (if signed) and the noise, in this order. Steps stop at relative residual `stop` or after
    `iterations`; a flow at its residual or at time `horizon`. Recorded epochs are iterations, or
    for a flow the index of the record.
    """

    MEMBER_FIELDS: ClassVar[frozenset[str]] = frozenset({
        "seed", "measurements", "sparsity", "noise", "depth", "rate_ratio", "init_norm", "eta",
        "iterations", "stop", "record_points", "horizon", "compare_start", "rtol",
    })  # fmt: skip
    PACK_SIZE: ClassVar[int | None] = 380  # runs are tiny; pack.json must fit on a command line
    QUANTITIES: ClassVar[dict[str, str]] = {
        "reconstruction_error": "||z - truth||_2 / ||truth||_2 [1].",
        "residual": "||A z - y||_2 / ||y||_2 [1].",
        "l1_norm": "||z||_1 [1].",
        "scale": "||x||_2, which is r with normalisation [1].",
        "converged": (
            "1 if the residual came down to stop (descent: or to 1e-6; flow: to 10 stop), else 0;"
            " at the end [1]."
        ),
        "iterations_used": "Iterations until the run stopped; only of descent [iterations].",
        "steps_to_1e-4": (
            "First iteration with a residual of at most 1e-4; only of descent [iterations]."
        ),
        "excess": "(||z||_1 - Q) / Q at the end, Q = bp_l1 [1].",
        "excess_bound": (
            "Bound on the excess at an interpolating limit; missing where it says nothing [1]."
        ),
        "log10_magnification": (
            "log10 of (r_0 / r) exp(c (r^2 - r_0^2) / 2), r = scale at the end; 0 without"
            " normalisation [1]."
        ),
        "log10_magnification_bound": (
            "The same at r = Q^(1/depth), a lower bound known before training; missing where it is"
            " none [1]."
        ),
        "bp_l1": "Q, the least ||z||_1 with A z = y (basis pursuit) [1].",
        "bp_error": "||z - truth||_2 / ||truth||_2 of basis pursuit [1].",
        "time": "Time of a flow, in which eta_u = 1 [time].",
        "invariant": (
            "Of a flow: a component of what it keeps, log w or w^(2 - depth) projected to the null"
            " space of A, by layer `component<i>` [1]."
        ),
        "invariant_drift": (
            "Of a flow: largest change of a component so far, over the norm of the unprojected"
            " vector [1]."
        ),
        "magnification_gap": (
            "||z - z'||_2 / ||z||_2, z' where the plain flow from x(0) / magnification ends; needs"
            " compare_start [1]."
        ),
        "excess_over_bound": "excess / excess_bound, at most 1 at an interpolating limit [1].",
        "unit_drift": "Of a flow: | ||u||_2 - 1 | at the end [1].",
    }
    SCALARS: ClassVar[tuple[str, ...]] = tuple(QUANTITIES)

    procedure: Literal["weight_norm_flow"] = "weight_norm_flow"
    version: PositiveInt = Field(
        default=2,
        description="Version of the procedure. 2: steps in fewer operations, flows with their"
        " Jacobian [1].",
    )
    dimension: PositiveInt = Field(default=200, description="Number n of entries of z [1].")
    measurements: PositiveInt = Field(
        default=60, description="Number m of rows of A, fewer than dimension [1]."
    )
    sparsity: PositiveInt = Field(
        default=5,
        description="Number of non-zero entries of the truth, each 1 or, if signed, +-1 [1].",
    )
    noise: NonNegative = Field(
        default=0.0, description="Standard deviation of the noise added to each entry of y [1]."
    )
    signed: bool = Field(
        default=False, description="Take z = x_+^depth - x_-^depth instead of x^depth."
    )
    depth: PositiveInt = Field(
        default=2, description="The power L of z = x^L, entry by entry; 2 or more [1]."
    )
    rate_ratio: Positive | None = Field(
        default=None,
        description="The ratio c = eta_u / eta_r of x = r u, ||u||_2 = 1; null: plain, x itself is"
        " trained [1].",
    )
    polar_pairs: Literal[1, 2] = Field(
        default=1,
        description="1: one (r, u) for all of x; 2: one each for x_+ and x_-, of descent with"
        " signed and rate_ratio [1].",
    )
    init_norm: Positive = Field(
        default=0.5, description="The norm ||x(0)||_2; x(0) is the same in every entry [1]."
    )
    form: Literal["projected", "salimans_kingma", "flow"] = Field(
        default="projected",
        description="projected: descent with u projected to the sphere after each step;"
        " salimans_kingma: descent on (r, v) with u = v / ||v||; flow: the gradient flow, by an"
        " adaptive solver.",
    )
    eta: Positive = Field(default=0.01, description="Step size of x, or of u; not of a flow [1].")
    iterations: PositiveInt = Field(
        default=40_000, description="Most steps of descent [iterations]."
    )
    stop: NonNegative = Field(
        default=1e-8, description="Relative residual ||A z - y||_2 / ||y||_2 that ends a run [1]."
    )
    horizon: Positive = Field(
        default=1e5, description="Latest time of a flow, where eta_u = 1 [time]."
    )
    rtol: Positive = Field(
        default=1e-10, description="Relative tolerance of a flow's adaptive solver [1]."
    )
    record_points: NonNegativeInt = Field(
        default=0,
        description="Number of log-spaced iterations or times that are recorded beside 0 and the"
        " end; 0: the end alone [1].",
    )
    compare_start: bool = Field(
        default=False,
        description="Integrate a flow also without normalisation from x(0) / magnification, for"
        " `magnification_gap`.",
    )

    @property
    def samples(self) -> int:
        """Return the number of measurements in all steps."""
        return self.measurements * self.iterations

    @property
    def steps(self) -> int:
        """Return the most iterations that a run takes; many stop before."""
        return self.iterations

    @property
    def label(self) -> str:
        """Return procedure, form and dimension as one word."""
        return f"weight_norm_flow-{self.form}-n{self.dimension}"

    def check(self) -> None:
        """Raise UserError for sizes that cannot be, and a second pair without a second half."""
        if self.sparsity > self.dimension:
            raise UserError(f"sparsity: {self.sparsity} is more than dimension {self.dimension}")
        if self.measurements >= self.dimension:
            raise UserError(f"measurements: {self.measurements} must be below {self.dimension}")
        if self.depth < 2:
            raise UserError("depth: at least 2; at depth 1 there is no implicit bias to sparsity")
        if self.polar_pairs == 2 and not (self.signed and self.rate_ratio):
            raise UserError("polar_pairs: 2 needs signed: true and a rate_ratio")
        if self.polar_pairs == 2 and self.form == "flow":
            raise UserError("polar_pairs: a flow has 1; 2 is for the discrete forms")

    def estimated_seconds(self, members: int, device: str) -> float:
        """Return steps x (overhead + weights + gemms) on one core [s]; flows one by one."""
        if self.form == "flow":
            return ceil(_START + _FLOW * members * (1 + self.compare_start))
        weights = self.dimension * (1 + self.signed)
        step = _STEP + members * (weights * _ENTRY + 2 * weights * self.measurements * _GEMM)
        return ceil(_START + self.iterations * step)
