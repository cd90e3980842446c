"""From a surrogate, a Python function of u = v - threshold, to an expression."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from nirx.dynamics.expression import Expression, NotElementwise
from nirx.dynamics.formula import Formula

__all__ = ["has_formula", "trace_surrogate"]


@lru_cache(maxsize=256)
def trace_surrogate(surrogate: Callable[[Any], Any]) -> Expression:
    """The expression of a surrogate: one input "u", one result "slope".

    **Raises**: `NotElementwise` for a function that needs more than operators and `abs`.
    """
    expression = Expression()
    try:
        slope = surrogate(Formula(expression, expression.add("input", value="u"), "its surrogate"))
    except NotElementwise:
        raise
    except Exception as error:  # a user's function may call its framework
        raise NotElementwise(f"its surrogate fails on symbols: {error!r:.200}") from error
    if not isinstance(slope, Formula):
        raise NotElementwise("its surrogate returns something else than a formula of u")
    expression.results = {"slope": slope.position}
    return expression


def has_formula(surrogate: Callable[[Any], Any]) -> bool:
    """Whether kernels can follow a surrogate."""
    try:
        trace_surrogate(surrogate)
    except NotElementwise:
        return False
    return True
