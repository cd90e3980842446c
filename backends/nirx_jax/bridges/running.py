"""Running a JAX model as its library runs it, recording the output of every mapped module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from nirx.basics.foreign_arrays import to_numpy
from nirx.execution.runners import takes_state
from nirx_jax.bridges.calling import calling
from nirx_jax.exporters import Exporters
from nirx_jax.leaf import dotted
from nirx_jax.net import Net, cast

__all__ = ["OUTPUT", "run_equinox", "run_scan"]

OUTPUT = "output"
"""Key of the output of the model itself: the name of a graph's only Output."""

Step = Callable[[jax.Array, Any], tuple[dict[str, jax.Array], Any]]


def run_scan(step: Step, state: Any, xs: Any) -> dict[str, np.ndarray]:
    """A compiled loop over time.

    Arguments:
        step: (x [*batch, *features], state) -> (outputs of nodes, the new state).
        state: the state before the first step.
        xs: [time, *batch, *features].

    Returns: [time, *batch, *features] by name.
    """

    def body(state: Any, x: Any) -> Any:
        rows, state = step(x, state)
        return state, rows

    _, rows = jax.jit(lambda state, xs: jax.lax.scan(body, state, xs))(state, xs)
    return {name: to_numpy(row) for name, row in rows.items()}


def run_equinox(module_map: Mapping[type, Any], model: Any, xs: np.ndarray, dtype: str) -> Any:
    """An Equinox model that is one step of one sample: x -> y, or (x, state) -> (y, state).

    Arguments:
        module_map: the outputs of modules in this map are recorded.
        xs: [time, batch, *features].
    """
    with jax.enable_x64(dtype == "float64"), calling(model, xs.shape[2:]):
        given = jnp.asarray(np.array(xs, dtype))
        own = cast(model, dtype)
        if isinstance(own, Net):
            return _run_net(_in_dtype(own, dtype), given)
        rows: dict[str, jax.Array] = {}
        tapped = _tapped(own, Exporters(module_map, None).is_leaf, rows)
        stateful = takes_state(model)

        def one(x: Any, state: Any) -> Any:
            rows.clear()
            y, state = tapped(x, state=state) if stateful else (tapped(x), None)
            return {**rows, OUTPUT: y}, state

        step = jax.vmap(one)
        init = getattr(own, "init_state", None)
        if not stateful or callable(init):
            fresh = init(()) if stateful and callable(init) else None
            batch = given.shape[1:2]
            state = jax.tree.map(lambda a: jnp.broadcast_to(a, (*batch, *jnp.shape(a))), fresh)
            return run_scan(step, state, given)
        # None starts fresh; the first step returns a state.
        first, state = jax.jit(jax.vmap(lambda x: one(x, None)))(given[0])
        rest = run_scan(step, state, given[1:])
        return {k: np.concatenate([to_numpy(first[k])[None], row]) for k, row in rest.items()}


def _in_dtype(net: Net, dtype: str) -> Net:
    """The network with another dtype of its run."""
    other = object.__new__(Net)
    for field in fields(net):
        value = dtype if field.name == "dtype" else getattr(net, field.name)
        object.__setattr__(other, field.name, value)
    return other


def _run_net(net: Net, xs: jax.Array) -> dict[str, np.ndarray]:
    names = [place.name for place in net.schedule.nodes]
    given, _, rows = net.run(xs, record=names)
    outputs = given if isinstance(given, dict) else {OUTPUT: given}
    return {name: to_numpy(row) for name, row in {**rows, **outputs}.items()}


class _Tap(eqx.Module):
    """A module whose output is recorded while a step is traced."""

    module: Any
    name: str = eqx.field(static=True)
    keep: Callable[[str, Any], None] = eqx.field(static=True)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = self.module(*args, **kwargs)
        first = result[0] if isinstance(result, tuple) else result
        self.keep(self.name, first)
        return result

    def __getattr__(self, name: str) -> Any:
        if name == "module":  # not set yet while JAX unflattens it
            raise AttributeError(name)
        return getattr(self.module, name)


def _tapped(model: Any, is_leaf: Callable[[Any], bool], rows: dict[str, jax.Array]) -> Any:
    def replace(path: Any, part: Any) -> Any:
        return _Tap(part, dotted(path), rows.__setitem__) if is_leaf(part) else part

    return jax.tree_util.tree_map_with_path(
        replace, model, is_leaf=lambda part: part is not model and is_leaf(part)
    )
