"""A neuron that is written as a scan over time, as the cell that is its step."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, jaxpr_as_fun

from nirx_jax.cell_leaves import closed_over, leaves_of
from nirx_jax.cell_root import name_of
from nirx_jax.cell_state import state_argument, state_before
from nirx_jax.leaf import is_array
from nirx_jax.walk import INNER, inner_of, live_operations

__all__ = ["ScannedStep", "scanned_step"]


@jax.tree_util.register_pytree_with_keys_class
class ScannedStep:
    """The step of a scan: (x, state) -> (y, state). Its arrays are those that the scan reads.

    Arguments:
        body: the scan's jaxpr, with what does not depend on a step as its first arguments.
        names, arrays: these.
        name: what the model is called.
    """

    def __init__(self, body: ClosedJaxpr, names: list[str], arrays: list[Any], name: str):
        self.body, self.names, self.arrays, self.__name__ = body, names, arrays, name

    def __call__(self, x: Any, state: Any) -> Any:
        *new, y = jaxpr_as_fun(self.body)(*self.arrays, *state, x)
        return y, tuple(new)

    def tree_flatten_with_keys(self) -> Any:
        keys = map(jax.tree_util.GetAttrKey, self.names)
        return list(zip(keys, self.arrays, strict=True)), (self.body, self.names, self.__name__)

    @classmethod
    def tree_unflatten(cls, own: Any, arrays: Any) -> ScannedStep:
        body, names, name = own
        return cls(body, names, list(arrays), name)


def scanned_step(
    model: Any, example: Any, example_state: Any
) -> tuple[ScannedStep, Any, tuple[Any, ...]] | None:
    """The step of a model that is one scan over its input's first axis, and nothing else.

    Arguments:
        model: (xs) -> ys, or also from and to a state.
        example: an array of all time steps.
        example_state: see `jax_to_nir`.

    Returns: the step, an example of its input and its state before the first step; None for any
    other model.
    """
    kind = name_of(model)
    start = state_before(model, kind, example_state)
    argument = state_argument(model, start is not None)
    if len(example.shape) < 1 or (argument is not None and start is None):
        return None
    before = () if argument is None else start

    def call(xs: Any, state: Any) -> Any:
        if argument is None:
            return model(xs)
        return model(xs, state=state) if argument == "state" else model(xs, state)

    described = jax.ShapeDtypeStruct(example.shape, example.dtype)
    try:
        traced = jax.make_jaxpr(call)(described, before)
    except Exception:  # a model may do anything; its own refusal says what
        return None
    given = [jnp.zeros(example.shape, example.dtype), *jax.tree.leaves(before)]
    found = _only_scan(traced.jaxpr, traced.consts, given)
    if found is None:
        return None
    eqn, arrays, state = found
    names = _names(model, arrays)
    x = jax.ShapeDtypeStruct(example.shape[1:], example.dtype)
    return ScannedStep(eqn.params["jaxpr"], names, arrays, kind), x, tuple(state)


def _only_scan(
    jaxpr: Jaxpr, consts: list[Any], given: list[Any]
) -> tuple[Any, list[Any], list[Any]] | None:
    """The scan that makes the first input the output, what it reads and where it starts."""
    xs = jaxpr.invars[0]
    live = [eqn for eqn, _ in live_operations(jaxpr, list(jaxpr.outvars))[0]]
    for eqn in live:
        if not any(v is xs for v in eqn.invars):
            continue
        before = jaxpr.eqns[: [e is eqn for e in jaxpr.eqns].index(True)]
        own = [v for v in eqn.invars if v is not xs]
        # What the model returns is nothing else, as it is, and reads its input once.
        returned = all(any(v is result for result in eqn.outvars) for v in jaxpr.outvars)
        if not returned or len(own) != len(eqn.invars) - 1:
            return None
        values = jaxpr_as_fun(ClosedJaxpr(_ending(jaxpr, before, own), consts))(*given)
        if eqn.primitive.name in INNER:
            inner, inside = inner_of(eqn)
            inner = _with_first(inner, [v is xs for v in eqn.invars].index(True))
            return _only_scan(inner, list(inside), [given[0], *values])
        p = eqn.params
        if eqn.primitive.name != "scan" or p["reverse"] or eqn.invars[-1] is not xs:
            return None
        first, carried = p["num_consts"], p["num_carry"]
        one = len(eqn.invars) == first + carried + 1 and len(eqn.outvars) == carried + 1
        if not one or not any(v is eqn.outvars[-1] for v in jaxpr.outvars):
            return None
        return eqn, list(values[:first]), list(values[first:])
    return None


def _ending(jaxpr: Jaxpr, eqns: list[Any], results: list[Any]) -> Jaxpr:
    """The jaxpr of some results, for which these operations are enough."""
    return jaxpr.replace(eqns=eqns, outvars=results)


def _with_first(jaxpr: Jaxpr, at: int) -> Jaxpr:
    """The jaxpr with another one of its arguments as the first."""
    invars = list(jaxpr.invars)
    invars.insert(0, invars.pop(at))
    return jaxpr.replace(invars=invars)


def _names(model: Any, arrays: list[Any]) -> list[str]:
    """Names of arrays: those of the model's own, else of what a function closes over."""
    own = leaves_of(model)
    known = [(n, a) for n, a in zip(own.names, own.arrays, strict=True) if is_array(a)]
    named = []
    for array, other in zip(arrays, closed_over(model, arrays), strict=True):
        held = (n for n, a in known if a.shape == array.shape and bool((a == array).all()))
        named.append(next(held, other))
    return [n if n not in named[:i] else f"{n}_{i}" for i, n in enumerate(named)]
