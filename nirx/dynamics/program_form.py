"""Whether what a `Program` holds is an expression at all: a node in memory may hold anything."""

from __future__ import annotations

from typing import Any

from nirx.dynamics.expression import Expression, Operation
from nirx.dynamics.parameters import NodeMismatch

__all__ = ["require_form", "require_operations"]


def require_form(expression: Any, states: Any) -> None:
    """Refuse what has no list of operations. **Raises** `NodeMismatch`."""
    good = (
        isinstance(expression, Expression)
        and isinstance(expression.operations, list)
        and isinstance(expression.results, dict)
        and isinstance(states, tuple)
    )
    if not good:
        raise NodeMismatch("its step holds no expression", "a step that nirx.neuron made")
    for name, position in expression.results.items():
        if not isinstance(name, str) or not isinstance(position, int):
            raise NodeMismatch(f"its step gives {name!r:.80} as {position!r:.80}", "a position")


def require_operations(expression: Expression) -> None:
    """Refuse operations of other types; they are not too many. **Raises** `NodeMismatch`."""
    for position, own in enumerate(expression.operations):
        good = (
            isinstance(own, Operation)
            and isinstance(own.name, str)
            and isinstance(own.operands, tuple)
            and all(isinstance(o, int) for o in own.operands)
            and not (own.name == "input" and not isinstance(own.value, str))
        )
        if not good:
            raise NodeMismatch(
                f"operation {position} is {own!r:.80}", "a name and positions of earlier values"
            )
