"""`Form`: how a network holds a parameter that training must keep positive, or equal everywhere.

The framework trains a raw array; NIR's value is computed from it. The formulas stand here once;
a backend passes its own array library.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import InputError

__all__ = ["POSITIVE", "Form", "Positive"]

Positive = Literal["softplus", "exp", "clamp"]


def _softplus(xp: Any, raw: Any, minimum: float) -> Any:
    value = xp.logaddexp(raw, xp.zeros_like(raw))
    return value + minimum if minimum else value


def _exp(xp: Any, raw: Any, minimum: float) -> Any:
    value = xp.exp(raw)
    return value + minimum if minimum else value


def _clamp(xp: Any, raw: Any, minimum: float) -> Any:
    lowest = minimum or float(xp.finfo(raw.dtype).tiny)
    return xp.where(raw > lowest, raw, lowest)


def _inverse_softplus(value: np.ndarray, minimum: float) -> np.ndarray:
    return value - minimum + np.log(-np.expm1(minimum - value))


def _inverse_exp(value: np.ndarray, minimum: float) -> np.ndarray:
    return np.log(value - minimum)


def _inverse_clamp(value: np.ndarray, minimum: float) -> np.ndarray:
    return value


POSITIVE: dict[str, tuple[Callable[..., Any], Callable[..., np.ndarray]]] = {
    "softplus": (_softplus, _inverse_softplus),
    "exp": (_exp, _inverse_exp),
    "clamp": (_clamp, _inverse_clamp),
}
"""By name: the value of a raw array, and the raw array of a value."""


@dataclass(frozen=True)
class Form:
    """How one parameter is held.

    Arguments:
        shape: of NIR's value.
        positive: the formula; None takes the raw number itself.
        shared: one number for the whole array.
        minimum: the value stays above it (with "clamp": at or above it). 0 means positive.
    """

    shape: Shape
    positive: Positive | None = None
    shared: bool = False
    minimum: float = 0.0

    def value(self, xp: Any, raw: Any) -> Any:
        """NIR's value.

        Arguments:
            xp: the raw array's library, under NumPy's names.
        """
        if self.positive is not None:
            raw = POSITIVE[self.positive][0](xp, raw, self.minimum)
        return xp.broadcast_to(raw, self.shape) if self.shared else raw

    def raw(self, key: str, value: np.ndarray) -> np.ndarray:
        """The float64 array to hold for a value of shape `shape`.

        **Raises**: `InputError` for a value that this form cannot hold; `key` names it.
        """
        own = np.asarray(value, np.float64)
        if self.shared:
            if not (own == own.reshape(-1)[:1]).all():
                raise InputError(
                    f"{key!r} has values from {own.min():.6g} to {own.max():.6g}; expected equal "
                    'ones, because it is shared; nirx.parametrize(..., shared="mean") takes their '
                    "mean"
                )
            own = own.reshape(-1)[0]
        if self.positive is None:
            return own
        least = own.min(initial=np.inf)
        closed = self.positive == "clamp" and self.minimum > 0
        if not (least >= self.minimum if closed else least > self.minimum):
            limit = f"{'of at least' if closed else 'above'} {self.minimum!r}"
            raise InputError(
                f"{key!r} has the value {float(least)!r}; expected values {limit}, because it is "
                f"held as {self}"
            )
        return POSITIVE[self.positive][1](own, self.minimum)

    def __str__(self) -> str:
        parts = (
            self.positive,
            "shared" if self.shared else None,
            f"minimum {self.minimum!r}" if self.minimum else None,
        )
        return ", ".join(filter(None, parts))
