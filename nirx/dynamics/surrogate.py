"""Surrogate gradients: functions that replace the derivative of a spike.

A surrogate maps u = v - v_threshold to d(spike)/du. It uses Python operators and `abs` only, so
that one definition works on every backend with gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from nirx.errors import InputError, did_you_mean

__all__ = ["SURROGATES", "Surrogate", "resolve_surrogate"]

Surrogate = Callable[[Any], Any]


def superspike(u: Any) -> Any:
    """1 / (1 + 100 |u|)^2. **Source**: Zenke & Ganguli 2018, with norse's default slope."""
    return 1.0 / (1.0 + 100.0 * abs(u)) ** 2


def arctan(u: Any) -> Any:
    """1 / (1 + (pi u)^2). **Source**: Fang et al. 2021 (alpha = 2)."""
    return 1.0 / (1.0 + (3.141592653589793 * u) ** 2)


def triangular(u: Any) -> Any:
    """max(0, 1 - |u|). **Source**: Esser et al. 2016; Bellec et al. 2018."""
    height = 1.0 - abs(u)
    return 0.5 * (height + abs(height))


def straight_through(u: Any) -> Any:
    """1 everywhere. **Source**: Bengio et al. 2013."""
    return 0.0 * u + 1.0


SURROGATES: Mapping[str, Surrogate] = MappingProxyType(
    {
        "superspike": superspike,
        "arctan": arctan,
        "triangular": triangular,
        "straight-through": straight_through,
    }
)


def resolve_surrogate(surrogate: str | Surrogate) -> Surrogate:
    """The function of a name, or the callable itself.

    **Raises**: `InputError` for anything else.
    """
    if callable(surrogate):
        return surrogate
    if isinstance(surrogate, str) and surrogate in SURROGATES:
        return SURROGATES[surrogate]
    raise InputError(
        f"surrogate={surrogate!r}; expected a callable or one of "
        f"{', '.join(map(repr, SURROGATES))}; {did_you_mean(str(surrogate), SURROGATES)}"
    )
