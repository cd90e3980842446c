"""What `jax_to_nir` accepts as a model, and how it is called."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any, Protocol

import equinox as eqx

from nirx_jax.cell_state import state_argument

__all__ = ["is_traceable", "may_be_cell", "name_of", "stepping_of", "takes_any_state"]


class Cells(Protocol):
    """Tells whether an Equinox module consists of nodes."""

    def holds_mapped(self, model: Any) -> bool: ...


def is_traceable(module: Any) -> bool:
    """Whether it is an Equinox or flax.nnx module with a call, or a function."""
    return (isinstance(module, eqx.Module) and callable(module)) or _is_other(module)


def name_of(module: Any) -> str:
    """What a module or a function is called."""
    owner = getattr(module, "__self__", None)  # of a method
    if isinstance(owner, eqx.Module) or _is_flax(owner):
        return type(owner).__name__
    return getattr(module, "__name__", type(module).__name__)


def stepping_of(module: Any, one_input: bool, has_example: bool) -> Callable[..., Any] | None:
    """A model as the tracer calls it: with an argument `state`, if it takes any.

    Arguments:
        module: the model.
        one_input: whether it has one input, so that a second argument is the state.
        has_example: whether there is an example of a state.

    Returns: None for a module that can only be one neuron.
    """
    if _is_flax(module):
        return None
    argument = state_argument(module, has_example)
    own: Callable[..., Any] = module
    if argument in (None, "state") or not one_input or isinstance(module, eqx.Module):
        return own
    return lambda x, state: module(x, state)


def may_be_cell(module: Any, has_example: bool, cells: Cells) -> bool:
    """Whether a model may be one neuron with state."""
    argument = state_argument(module, has_example)
    if isinstance(module, eqx.Module) and argument is not None:
        return not cells.holds_mapped(module)
    return _is_flax(module) or argument is not None


def takes_any_state(module: Any, has_example: bool) -> bool:
    """Whether the call of a model takes a state."""
    return state_argument(module, has_example) is not None


def _is_flax(module: Any) -> bool:
    nnx = sys.modules.get("flax.nnx")
    return nnx is not None and isinstance(module, nnx.Module) and callable(module)


def _is_other(module: Any) -> bool:
    is_function = inspect.isroutine(module) or isinstance(module, functools.partial)
    # jax.jit and its like wrap a function in an object.
    return _is_flax(module) or is_function or hasattr(module, "__wrapped__")
