"""`Leaf` replaces a mapped module during tracing; its call is one opaque operation."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from nirx.errors import UnsupportedError
from nirx_jax.cell_state import state_of_part

__all__ = ["INPUT", "LEAF", "Leaf", "LeafCall", "Place", "dotted", "is_array"]

Place = tuple[Any, ...]
"""Where an array is in a nest: JAX's key path."""

INPUT = "input"

LEAF = Primitive("nirx_module")
"""The call of a mapped module. Its one parameter, `call`, is a `LeafCall`."""
LEAF.multiple_results = True


@dataclass(eq=False)
class LeafCall:
    """One call of a mapped module.

    Arguments:
        leaf: what was called.
        roles: of every array argument: `INPUT`, a `Place` in the state, or the name of another
            argument.
        places: of every returned array: None for the value, or a `Place` in the new state.
        shapes: of the returned arrays.
        mapped: over how many axes jax.vmap maps the call; they are the first of every array.
    """

    leaf: Leaf
    roles: list[Any]
    places: list[Place | None]
    shapes: list[Any]
    mapped: int = 0


class Leaf:
    """A module whose call is recorded without tracing it. Its attributes are the module's.

    Arguments:
        module: left as it is.
        place: where it is in the model; this names its node.
        path: its first place, if it is at several.
        refuse: raises the exporter's error for the module, if there is one.
        perhaps: whether it is traced through where its call does not return (y, state).
    """

    def __init__(
        self,
        module: Any,
        place: str,
        path: str,
        refuse: Callable[[Leaf], Any],
        perhaps: bool = False,
    ):
        self._module, self._place, self._path = module, place, path
        self._refuse, self._perhaps = refuse, perhaps
        self._given: dict[str, Any] = {}

    @property
    def __class__(self) -> type:  # type: ignore[override]
        """isinstance sees the module's type; Sequential relies on it."""
        return type(self._module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        module = self._module
        if isinstance(module, eqx.nn.Dropout) and not kwargs.keys() <= {"key"}:
            return module(*args, **kwargs)  # the call overrides `inference`
        if self._perhaps:
            result = jax.eval_shape(lambda: module(*args, **kwargs))
            if not (isinstance(result, tuple) and len(result) == 2):
                return module(*args, **kwargs)
        bound = inspect.signature(module).bind(*args, **kwargs)
        given, structure = jax.tree_util.tree_flatten_with_path(dict(bound.arguments))
        arrays = [i for i, (_, part) in enumerate(given) if is_array(part)]
        operands = [given[i][1] for i in arrays]
        self._given = {k: jax.tree.map(_described, v) for k, v in bound.arguments.items()}
        found: dict[str, Any] = {}

        def call(*values: Any) -> list[Any]:
            parts = [part for _, part in given]
            for i, value in zip(arrays, values, strict=True):
                parts[i] = value
            bound.arguments.update(structure.unflatten(parts))
            value, state, found["stateful"] = self._split(module(*bound.args, **bound.kwargs))
            found["state"], found["structure"] = jax.tree_util.tree_flatten_with_path(state)
            return [value, *(part for _, part in found["state"] if is_array(part))]

        try:
            shapes = (jax.ShapeDtypeStruct(x.shape, x.dtype) for x in operands)
            traced = jax.make_jaxpr(call)(*shapes)
        except Exception:
            self._refuse(self)
            raise
        first = next(iter(bound.arguments), None)
        own = state_of_part(module) if found["stateful"] else "state"
        roles = [_role(given[i][0], first, own) for i in arrays]
        places = [None, *(path for path, part in found["state"] if is_array(part))]
        flat = self._recorded(traced, operands, roles, places)
        if not found["stateful"]:
            return flat[0]
        new = iter(flat[1:])
        state = [next(new) if is_array(part) else part for _, part in found["state"]]
        return flat[0], found["structure"].unflatten(state)

    def _split(self, result: Any) -> tuple[Any, Any, bool]:
        takes = state_of_part(self._module) is not None
        stateful = takes and isinstance(result, tuple) and len(result) == 2
        value, state = result if stateful else (result, None)
        if is_array(value):
            return value, state, stateful
        also = "" if stateful else ", or (array, state) if its call has an argument `state`"
        raise UnsupportedError(
            f"{self._place} returns a {type(value).__name__}; expected an array{also}"
        )

    def _recorded(
        self, traced: Any, operands: list[Any], roles: list[Any], places: list[Place | None]
    ) -> list[Any]:
        """Record the call and return its results.

        Arrays in the state that the module returns without reading them, such as the states of
        other layers in an eqx.nn.State, are not part of the recorded call.
        """
        jaxpr = traced.jaxpr
        read = {id(v) for eqn in jaxpr.eqns for v in eqn.invars} | {id(jaxpr.outvars[0])}
        handed = {
            id(v): operand
            for v, operand, role in zip(jaxpr.invars, operands, roles, strict=True)
            if isinstance(role, tuple) and id(v) not in read
        }
        takes = [n for n, v in enumerate(jaxpr.invars) if id(v) not in handed]
        gives = [n for n, v in enumerate(jaxpr.outvars) if id(v) not in handed]
        call = LeafCall(
            self,
            [roles[n] for n in takes],
            [places[n] for n in gives],
            [traced.out_avals[n] for n in gives],
        )
        results = iter(LEAF.bind(*(operands[n] for n in takes), call=call))
        return [handed[id(v)] if id(v) in handed else next(results) for v in jaxpr.outvars]


# Static, so that code which maps over the model, or jits one of its methods, accepts it.
jax.tree_util.register_static(Leaf)


def is_array(value: Any) -> bool:
    """Whether it is an array, traced or not."""
    return isinstance(value, jax.Array | np.ndarray)


def dotted(path: Place) -> str:
    """JAX's key path as a name: `layers.0.weight`."""
    parts = []
    for key in path:
        for attribute in ("name", "key", "idx"):
            if hasattr(key, attribute):
                parts.append(str(getattr(key, attribute)))
                break
        else:
            parts.append(str(key))
    return ".".join(parts)


def _described(part: Any) -> Any:
    return jax.ShapeDtypeStruct(part.shape, part.dtype) if is_array(part) else part


def _role(path: Place, first: str | None, state: str | None) -> Any:
    name = path[0].key
    if name == first:
        return INPUT
    return tuple(path[1:]) if name == state else name


@LEAF.def_abstract_eval
def _abstract(*_: Any, call: LeafCall) -> list[Any]:
    return call.shapes


@LEAF.def_impl
def _impl(*_: Any, call: LeafCall) -> Any:
    raise UnsupportedError(f"{call.leaf._place} is applied to constants, which has no NIR node")


def _lowering(_: Any, *operands: Any, call: LeafCall) -> Any:
    return _impl(*operands, call=call)  # JAX would run a loop over constants


def _batched(arrays: Any, axes: Any, *, call: LeafCall) -> Any:
    """Under jax.vmap the call is recorded with one more axis, the first; `Walk` judges it."""
    size = next(x.shape[a] for x, a in zip(arrays, axes, strict=True) if a is not None)
    operands = [
        jax.numpy.broadcast_to(x, (size, *x.shape))
        if axis is None
        else jax.numpy.moveaxis(x, axis, 0)
        for x, axis in zip(arrays, axes, strict=True)
    ]
    shapes = [s.update(shape=(size, *s.shape)) for s in call.shapes]
    mapped = LeafCall(call.leaf, call.roles, call.places, shapes, call.mapped + 1)
    results = LEAF.bind(*operands, call=mapped)
    return results, [0] * len(results)


def _refuse_derivative(_: Any, __: Any, *, call: LeafCall) -> Any:
    raise UnsupportedError(f"{call.leaf._place} is differentiated, which has no NIR node")


batching.primitive_batchers[LEAF] = _batched
mlir.register_lowering(LEAF, _lowering)
ad.primitive_jvps[LEAF] = _refuse_derivative
