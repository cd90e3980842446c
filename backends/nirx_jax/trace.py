"""Tracing: the jaxpr of one time step of an Equinox module, in which mapped modules are opaque."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import numpy as np

from nirx.errors import InputError, NirxError, UnsupportedError
from nirx.execution.runners import takes_state
from nirx_jax.cell_state import state_argument
from nirx_jax.leaf import Leaf, Place, dotted, is_array

__all__ = ["CallFailed", "Static", "Trace", "branching", "call_failed", "trace"]


@dataclass
class Trace:
    """One time step.

    Arguments:
        jaxpr: what it computes, with the constants it uses.
        inputs: for every argument of the jaxpr, the name of an input or a place in the state.
        values, state: what it returns, as pairs of a place and either a position among the
            results of the jaxpr or a `Static` object; state is None for a stateless module.
        before: the arrays in the state before the first step, where they are known.
        after: the new state, with shapes in place of arrays.
    """

    jaxpr: Any
    inputs: list[Any]
    values: list[tuple[Place, Any]]
    state: list[tuple[Place, Any]] | None
    before: dict[Place, Any]
    after: Any


@dataclass(frozen=True)
class Static:
    """A part of a result that is not an array."""

    content: Any


def trace(
    module: Any,
    example_input: Any,
    example_state: Any,
    is_leaf: Callable[[Any], bool],
    refuse: Callable[[Leaf], Any],
    perhaps: Callable[[Any], bool] = lambda node: False,
) -> Trace:
    """Trace a module, which is left as it is.

    Arguments:
        module: the module.
        example_input, example_state: see `jax_to_nir`.
        is_leaf: whether a module is a single node, whatever is inside it.
        refuse: raises the exporter's error for a leaf whose call fails.
        perhaps: whether a leaf is one only if its call returns (y, state).

    **Raises**: `UnsupportedError` for control flow that depends on data, `InputError`.
    """
    state = _state_argument(module, example_input, example_state)
    arguments, names = _arguments(module, example_input, state)
    own = _with_leaves(module, is_leaf, refuse, perhaps)
    kind = type(module).__name__
    if state is None:
        if example_state is not None:
            raise InputError(
                f"{kind}: its call has no argument `state`, so leave out example_state"
            )
        return _step(own, kind, arguments, names)
    start = example_state
    init = getattr(module, "init_state", None)
    if start is None and callable(init):
        try:
            start = init(())
        except TypeError as error:
            raise InputError(f"{kind}.init_state(()): {error}; pass example_state") from error
    if not any(part is None for part in jax.tree.leaves(start, is_leaf=lambda x: x is None)):
        return _step(own, kind, arguments, names, start, state)
    # None means "start afresh": the first step returns the state that belongs there.
    try:
        first = _step(own, kind, arguments, names, start, state)
    except NirxError:
        raise
    except Exception as error:  # the module may do anything with an unexpected state
        raise InputError(
            f"{kind}: a call with {state}={start!r:.60} does not reveal its state "
            f"({type(error).__name__}: {error}); pass example_state"
        ) from error
    traced = _step(own, kind, arguments, names, first.after, state)
    traced.before = first.before
    return traced


def _state_argument(module: Any, example_input: Any, example_state: Any) -> str | None:
    """The name of the argument that takes the state: `state`, or the second one of two."""
    if isinstance(module, eqx.nn.StatefulLayer):
        return "state" if module.is_stateful() else None
    if takes_state(module):
        return "state"
    several = isinstance(example_input, Mapping | tuple) and len(example_input) != 1
    has_example = example_state is not None
    if several or not isinstance(module, eqx.Module):
        return None
    call: Any = module
    return state_argument(call, has_example)


def _step(
    module: Any, kind: str, arguments: Any, names: Any, state: Any = None, name: str | None = None
) -> Trace:
    stateful = name is not None
    given, structure = jax.tree_util.tree_flatten_with_path((arguments, state))
    arrays = [i for i, (_, part) in enumerate(given) if _has_shape(part)]
    out: dict[str, Any] = {}

    def step(*traced: Any) -> list[Any]:
        parts = [part for _, part in given]
        for i, array in zip(arrays, traced, strict=True):
            parts[i] = array
        (args, kwargs), before = structure.unflatten(parts)
        result = module(*args, **kwargs, **({} if name is None else {name: before}))
        if stateful and not (isinstance(result, tuple | list) and len(result) == 2):
            raise InputError(
                f"{kind} takes a state but gave a {type(result).__name__}; expected (y, state)"
            )
        value, after = result if stateful else (result, None)
        out["value"] = jax.tree_util.tree_flatten_with_path(value)[0]
        out["state"], out["structure"] = jax.tree_util.tree_flatten_with_path(after)
        return [part for _, part in (*out["value"], *out["state"]) if is_array(part)]

    try:
        jaxpr = jax.make_jaxpr(step)(*(_described(given[i][1]) for i in arrays))
    except (jax.errors.JAXTypeError, jax.errors.JAXIndexError) as error:
        mend = "write one time step without such control flow"
        raise branching(kind, error, mend) from error
    except (TypeError, ValueError) as error:
        parts = jax.tree.leaves(state, is_leaf=lambda part: part is None)
        if isinstance(error, NirxError) or (stateful and any(p is None for p in parts)):
            raise
        if not arrays:
            raise
        raise call_failed(kind, [given[i][1] for i in arrays], error) from error
    position = iter(range(len(jaxpr.out_avals)))
    values, after = (
        [(path, next(position) if is_array(part) else Static(part)) for path, part in out[key]]
        for key in ("value", "state")
    )
    shapes = jaxpr.out_avals
    parts = [
        part.content
        if isinstance(part, Static)
        else jax.ShapeDtypeStruct(shapes[part].shape, shapes[part].dtype)
        for _, part in after
    ]
    return Trace(
        jaxpr,
        [_origin(given[i][0], names) for i in arrays],
        values,
        after if stateful else None,
        {given[i][0][1:]: given[i][1] for i in arrays if given[i][0][0].idx == 1},
        out["structure"].unflatten(parts),
    )


def branching(kind: str, error: Exception, mend: str) -> UnsupportedError:
    """The error for a call whose control flow depends on values."""
    return UnsupportedError(
        f"{kind}: its call branches or loops on the values of an array "
        f"({str(error).splitlines()[0]}); {mend}"
    )


class CallFailed(InputError):
    """A model's call does not take its examples; the cause is what it raised."""


def call_failed(kind: str, examples: list[Any], error: Exception) -> CallFailed:
    """The error for a call that does not take its examples."""
    first, *others = (str(tuple(np.shape(example))) for example in examples)
    after = f" and a state or arguments of shape {', '.join(others)}" if others else ""
    said = next(iter(str(error).strip().splitlines()), "")
    return CallFailed(
        f"{kind}: its call with an input of shape {first}{after} fails ({type(error).__name__}: "
        f"{said}); check that the model can be called so: with one sample, without batch and time"
    )


def _origin(path: Place, names: Any) -> Any:
    """The name of an input, or the place in the state."""
    if path[0].idx == 1:
        return path[1:]
    positional, key, *below = path[1].idx == 0, path[2], *path[3:]
    name = names[key.idx] if positional else str(key.key)
    return ".".join([name, *([dotted(tuple(below))] if below else [])])


def _arguments(module: Any, example: Any, state: str | None) -> tuple[Any, list[str]]:
    """The module's arguments, as (args, kwargs), and the names of args."""
    if isinstance(example, Mapping):
        return ((), {str(name): _examples(part) for name, part in example.items()}), []
    args = tuple(
        _examples(part) for part in (example if isinstance(example, tuple) else (example,))
    )
    try:
        known = [n for n in inspect.signature(module).parameters if n not in ("state", state)]
    except (TypeError, ValueError):
        known = []
    return (args, {}), [known[i] if i < len(known) else f"input_{i}" for i in range(len(args))]


def _examples(tree: Any) -> Any:
    return jax.tree.map(_example, tree, is_leaf=lambda part: part is None)


def _example(leaf: Any) -> Any:
    if isinstance(leaf, int | float) and not isinstance(leaf, bool):
        return np.asarray(leaf)
    if not _has_shape(leaf):
        raise InputError(
            f"example_input holds a {type(leaf).__name__}; expected an array or a "
            "jax.ShapeDtypeStruct of one sample, a tuple of arguments or {argument: array}"
        )
    return leaf


def _has_shape(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _described(array: Any) -> Any:
    is_key = jax.numpy.issubdtype(array.dtype, jax.dtypes.extended)
    dtype = array.dtype if is_key else jax.dtypes.canonicalize_dtype(array.dtype)
    return jax.ShapeDtypeStruct(array.shape, dtype)


def _with_leaves(
    module: Any,
    is_leaf: Callable[[Any], bool],
    refuse: Callable[[Leaf], Any],
    perhaps: Callable[[Any], bool],
) -> Any:
    """A copy of the model in which every leaf is a `Leaf`."""
    first: dict[Any, str] = {}
    kept: list[Any] = []  # so that no id is reused

    def put(tree: Any, prefix: Place, identity: Callable[[Any], Any]) -> Any:
        def replace(path: Place, node: Any) -> Any:
            place = (*prefix, *path)
            if isinstance(node, eqx.nn.Shared):
                whole = node()
                kept.append(whole)
                return _Tied(put(whole, place, _by_arrays))
            if is_leaf(node):
                name = dotted(place)
                known = first.setdefault(identity(node), name)
                return Leaf(node, name, known, refuse, perhaps(node))
            return node

        def stops(node: Any) -> bool:
            return node is not module and (isinstance(node, eqx.nn.Shared) or is_leaf(node))

        return jax.tree_util.tree_map_with_path(replace, tree, is_leaf=stops)

    return put(module, (), id)


def _by_arrays(module: Any) -> Any:
    """The identity of a module: eqx.nn.Shared returns copies that share their arrays."""
    arrays, rest = eqx.partition(module, is_array)
    ids = tuple(map(id, jax.tree.leaves(arrays)))
    return (jax.tree.structure(rest), ids) if ids else id(module)


@jax.tree_util.register_static
class _Tied:
    """Replaces an eqx.nn.Shared: its call returns the shared modules, as leaves."""

    def __init__(self, whole: Any):
        self.whole = whole

    def __call__(self) -> Any:
        return self.whole
