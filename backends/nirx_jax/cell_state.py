"""What a cell's state holds before the first step."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nirx.errors import InputError, UnsupportedError

__all__ = ["state_argument", "state_before", "state_of_part", "zeros_before"]

PROBES = 3


def state_argument(call: Callable[..., Any], has_example: bool) -> str | None:
    """The name of the argument that takes the state, or None: `state`, or the second one.

    Arguments:
        call: a module or a function.
        has_example: whether there is a state to pass.
    """
    try:
        known = inspect.signature(call).parameters
    except (TypeError, ValueError):
        return None
    if "state" in known:
        return "state"
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    taken = [p for p in known.values() if p.kind in places]
    if len(taken) < 2:
        return None
    return taken[1].name if has_example or taken[1].default is inspect.Parameter.empty else None


def state_of_part(module: Any) -> str | None:
    """The name of the argument of a part of a model that takes its state, if it may have one."""
    name = state_argument(module, True)
    if name in (None, "state"):
        return name
    default = inspect.signature(module).parameters[name].default
    return name if default in (None, inspect.Parameter.empty) and name != "key" else None


def state_before(cell: Any, kind: str, example_state: Any) -> Any:
    """The caller's example, else what the cell's own method gives, else None.

    `init_state(batch_shape)` is nirx's; `initial_state(batch_size)` is that of Spyx, Haiku and
    others.

    **Raises**: `InputError`.
    """
    if example_state is not None:
        return jax.tree.map(_filled, example_state)
    for name, argument in (("init_state", ()), ("initial_state", 1)):
        method = getattr(cell, name, None)
        if not callable(method):
            continue
        try:
            state = method(argument)
        except TypeError as error:
            raise InputError(f"{kind}.{name}({argument}): {error}; pass example_state") from error
        return state if argument == () else jax.tree.map(lambda a: a[0], state)
    return None


def _filled(part: Any) -> Any:
    """A description of an array stands for zeros."""
    return jnp.zeros(part.shape, part.dtype) if isinstance(part, jax.ShapeDtypeStruct) else part


def zeros_before(call: Callable[..., Any], kind: str, example: Any) -> Any:
    """The zeros that a call without a state starts from.

    Arguments:
        call: (x, state) -> (y, state).
        kind: the type of the cell, for errors.
        example: describes the input.

    **Raises**: `InputError` where it starts from something else.
    """
    try:
        shapes = jax.eval_shape(lambda x: call(x, None)[1], example)
    except Exception as error:  # the cell may do anything without a state
        raise InputError(
            f"{kind}: a call without a state does not reveal its state "
            f"({type(error).__name__}: {error}); pass example_state"
        ) from error
    zeros = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
    draws = np.random.default_rng(0)
    for _ in range(PROBES):
        x = jnp.asarray(3 * draws.normal(size=example.shape), example.dtype)
        same = jax.tree.map(lambda a, b: bool((a == b).all()), call(x, None), call(x, zeros))
        if not all(jax.tree.leaves(same)):
            raise UnsupportedError(
                f"{kind}: a call without a state starts from something else than zeros; pass "
                "example_state, with the values that it starts from"
            )
    return zeros
