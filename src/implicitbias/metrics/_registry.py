"""Metrics are declared, spelt and resolved here, by the names that a config asks for."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Compute = Callable[..., NDArray[np.float64]]
_Function = TypeVar("_Function", bound=Callable[..., NDArray[np.float64]])


@dataclass(frozen=True)
class Metric:
    """A metric that a name of the config stands for.

    name: as the config and the column `metric` of a table spell it.
    of: the recorded quantity of a layer that `compute` reads ("spectrum"); or a tuple of quantities
        of the whole network; or "recorded" for one that a table shows as it was written down.
    compute: from one record (r,) to a number, or from a stack (..., r) to an array (...). With a
        tuple it takes one argument for each quantity, a stack of arrays of the recorded shape.
    inequality: the quantities are those of one layer, and `compute` gives (3, w): the sides of w
        inequalities, left <= right, and the trivial bound. An inequality that does not hold is an
        error.
    """

    name: str
    of: str | tuple[str, ...]
    compute: Compute
    inequality: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the names of the recorded arrays from which the metric is computed."""
        if self.of == "recorded":
            return ()
        return (self.of,) if isinstance(self.of, str) else self.of


@dataclass(frozen=True)
class _Declared:
    """A decorated function whose parameter, if it has one, is not known yet."""

    function: Callable[..., NDArray[np.float64]]
    of: str | tuple[str, ...]
    parameter: str | None
    inequality: bool = False

    @property
    def pattern(self) -> str:
        """Return the name as messages show it, with the parameter in angle brackets."""
        suffix = f"_<{self.parameter}>" if self.parameter else ""
        return self.function.__name__ + suffix


_DECLARED: dict[str, _Declared] = {}


def layer_metric(*, of: str, parameter: str | None = None) -> Callable[[_Function], _Function]:
    """Declare a function of one layer's record as a metric, under the function's own name.

    of: the recorded quantity that it reads. parameter: its second argument, a number in (0, 1)
    that the config writes behind the name, as in `rank_fro_1e-3`.
    """
    return _declaring(of, parameter, [_ANY, parameter] if parameter else [_ANY])


def network_metric(*, of: tuple[str, ...]) -> Callable[[_Function], _Function]:
    """Declare a function of several recorded arrays of the whole network as a metric.

    of: the recorded quantities, which are also the names of its arguments, in order. Each argument
    is a stack (..., *shape) of arrays of the recorded shape; the result is (...).
    """
    return _declaring(of, None, list(of))


def inequality(*, of: tuple[str, ...]) -> Callable[[_Function], _Function]:
    """Declare a function of a layer's recorded arrays as inequalities that must hold.

    of: the recorded quantities, which are also the names of its arguments, in order. The result is
    (3, w): the left and the right sides of w inequalities, and the largest value that the left side
    can have at all (a right side that is no smaller is vacuous). NaN where an inequality says
    nothing.
    """
    return _declaring(of, None, list(of), inequality=True)


_ANY = ""  # an argument of whatever name


def _declaring(
    of: str | tuple[str, ...],
    parameter: str | None,
    wanted: list[str],
    inequality: bool = False,
) -> Callable[[_Function], _Function]:
    def declare(function: _Function) -> _Function:
        name, arguments = function.__name__, list(inspect.signature(function).parameters)
        fits = all(w in (_ANY, a) for a, w in zip(arguments, wanted, strict=False))
        if len(arguments) != len(wanted) or not fits:
            raise ValueError(f"metric {name!r} takes {arguments}, not what its decorator says")
        other = _DECLARED.get(name)
        if other is not None and other.function.__module__ != function.__module__:
            raise ValueError(f"metric {name!r} is declared twice: {other.function.__module__}")
        _DECLARED[name] = _Declared(function, of, parameter, inequality)
        return function

    return declare


def known() -> tuple[str, ...]:
    """Return every metric name, sorted; a name with a parameter reads `rank_fro_<tolerance>`."""
    return tuple(_DECLARED[name].pattern for name in sorted(_DECLARED))


def resolve(name: str, recorded: frozenset[str] = frozenset()) -> Metric:
    """Return the metric of that name, or raise a ValueError that says which exist.

    recorded: the quantities that the runs write down by name (train_loss, fro_norm, ...). One of
    these is passed through unchanged, as a Metric with of="recorded".
    """
    stem, number = _split(name)
    if name in recorded:
        if name in _DECLARED:  # two meanings of one name: refuse rather than choose
            raise ValueError(f"{name!r} is both a recorded quantity and a metric; rename one")
        return Metric(name, "recorded", _unchanged)
    declared = _DECLARED.get(stem)
    if declared is None:
        raise ValueError(_unknown(name, stem, number, recorded))
    if declared.parameter is None:
        if number is not None:
            raise ValueError(f"metric {stem!r} takes no number, so {name!r} means nothing")
        return Metric(name, declared.of, declared.function, declared.inequality)
    value = _as_float(number)
    if value is None or not 0 < value < 1:  # NaN is refused too
        raise ValueError(
            f"metric {name!r} needs a {declared.parameter} in (0, 1) behind its name, "
            f"as in '{stem}_1e-3'"
        )
    canonical = f"{stem}_{_scientific(value)}"
    if name != canonical:  # one spelling, or the same column would exist under two names
        raise ValueError(f"metric {name!r} is spelt {canonical!r}")
    return Metric(name, declared.of, partial(declared.function, **{declared.parameter: value}))


def with_parameter(stem: str, value: float) -> str:
    """Return a metric's name with its parameter: ("rank_fro", 0.03) gives "rank_fro_3e-2".

    ValueError for a number outside (0, 1): every parameter lies there.
    """
    if not 0 < value < 1:  # NaN is refused too
        raise ValueError(f"{stem} needs a number in (0, 1), not {value}")
    return f"{stem}_{_scientific(value)}"


def _split(name: str) -> tuple[str, str | None]:
    """Split 'rank_fro_1e-3' into 'rank_fro' and '1e-3'; a name without a number stays whole."""
    stem, _, number = name.rpartition("_")
    if name not in _DECLARED and (stem in _DECLARED or (stem and _as_float(number) is not None)):
        return stem, number
    return name, None


def _as_float(number: str | None) -> float | None:
    try:
        return float(number or "")
    except ValueError:
        return None


def _scientific(value: float) -> str:
    """Return the shortest scientific spelling that reads back as the float: 0.03 is '3e-2'."""
    decimal = Decimal(repr(value)).normalize()
    digits = "".join(map(str, decimal.as_tuple().digits))
    return f"{digits[0]}{'.' + digits[1:] if digits[1:] else ''}e{decimal.adjusted()}"


def _unknown(name: str, stem: str, number: str | None, recorded: frozenset[str]) -> str:
    close = get_close_matches(stem, [*_DECLARED, *sorted(recorded)], n=1)
    hint = ""
    if close:
        meant = _DECLARED.get(close[0])
        suffix = f"_{number or '1e-3'}" if meant is not None and meant.parameter else ""
        hint = f" (did you mean {close[0] + suffix!r}?)"
    names = ", ".join([*known(), *sorted(recorded)])
    return f"unknown metric {name!r}{hint}; known are {names}"


def _unchanged(values: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)
