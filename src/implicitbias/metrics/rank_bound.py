"""The rank that SGD with weight decay leaves has a bound, in two conventions and as drawn.

Write x for the share of W that one step removes. Unrolled over n steps, W is (1 - x)^n of an old
W plus n mini-batch gradients, of rank at most m_l B each (m_l: positions at which the kernel is
applied, 1 for a fully connected layer). If ||W|| has settled, (1 - x)^n <= eps / 2 makes the old
part negligible: rank_eps <= m_l B log(2/eps) / x. It bounds `rank_spec` and so `rank_fro`.

Two conventions for x, and a factor of two between them:
  "torch": the loss has (weight_decay / 2) ||W||^2, the step removes x = lr * weight_decay.
  "paper": the loss has lambda ||W||^2, the step removes x = 2 * lr * lambda; weight_decay is the
           paper's lambda.
"""

import math
from typing import Literal

Decay = Literal["torch", "paper"]


def rank_bound_theorem(
    batch_size: int,
    lr: float,
    weight_decay: float,
    eps: float,
    patches: int = 1,
    decay: Decay = "torch",
) -> float:
    """Return m_l B log(2/eps) / x, the theorem's bound on the rank.

    x = lr * weight_decay ("torch") or 2 * lr * weight_decay ("paper"). patches: m_l. Vacuous where
    it exceeds min(W.shape). Holds for plain SGD (no momentum) once ||W_{T-1}|| / ||W_T|| has
    converged to 1. The proof takes a whole number of steps, so the rank can exceed this by less
    than m_l B. ValueError outside its assumptions (eps in (0, 1), 0 < x < 1).
    Source: Galanti, Siegel, Gupte, Poggio (2025), PMLR 280, theorem 3.3.
    """
    if decay not in ("torch", "paper"):
        raise ValueError(f"decay is 'torch' or 'paper', not {decay!r}")
    _check(batch_size, lr, weight_decay, eps, patches)
    removed = lr * weight_decay * (2 if decay == "paper" else 1)
    if removed >= 1:
        raise ValueError(f"a step must leave a part of W: it removes {removed:g} >= 1 of it")
    return patches * batch_size * math.log(2 / eps) / removed


def rank_bound_as_drawn(
    batch_size: int, lr: float, weight_decay: float, eps: float, patches: int = 1
) -> float:
    """Return m_l B log(1/eps) / (2 * lr * weight_decay), figure 6's dashed lines.

    Smaller than the theorem twice over: log(1/eps) in place of log(2/eps), and torch's weight_decay
    in place of the paper's lambda. For the comparison with the printed figure only: SGD in torch's
    convention can exceed it.
    Source: Galanti, Siegel, Gupte, Poggio (2025), PMLR 280, figure 6.
    """
    _check(batch_size, lr, weight_decay, eps, patches)
    return patches * batch_size * math.log(1 / eps) / (2 * lr * weight_decay)


def _check(batch_size: int, lr: float, weight_decay: float, eps: float, patches: int) -> None:
    """Raise ValueError for arguments to which the bound does not apply, NaN included."""
    if not 0 < eps < 1:
        raise ValueError(f"eps is in (0, 1), not {eps}")
    if not (0 < lr < math.inf and 0 < weight_decay < math.inf):
        raise ValueError(f"lr ({lr}) and weight_decay ({weight_decay}) are positive and finite")
    if batch_size < 1 or patches < 1:
        raise ValueError(f"batch_size ({batch_size}) and patches ({patches}) are at least 1")
