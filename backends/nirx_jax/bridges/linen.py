"""linen models whose layers keep their state in the collection "carry", as those of slax do.

**Source**: flax.linen.intercept_methods sees every call of a layer; slax 0.0.1 keeps its state
in "carry" where a layer is called with x alone.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportMissingImports=false

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import nir
import numpy as np

from nirx.basics.find_exporter import find_exporter
from nirx.basics.type_map import ABSENT, TypeMap
from nirx.errors import InputError, UnsupportedError, warn_caller
from nirx_jax.bridges.calling import calling
from nirx_jax.bridges.running import OUTPUT, run_scan
from nirx_jax.bridges.tracing import Call, StatefulCall, traced_graph

__all__ = ["Model", "model_of", "run_model", "trace_model", "warn_of_carry"]

CARRY = "carry"


@dataclass(frozen=True)
class Model:
    """A linen module and its variables.

    Arguments:
        module: unbound.
        variables: all but the carry: "params", and others such as "batch_stats".
    """

    module: nn.Module
    variables: dict[str, Any]

    @property
    def params(self) -> Any:
        return self.variables.get("params", {})

    def apply(self, x: Any, carry: Any) -> tuple[Any, Any]:
        """One step: y and the new carry."""
        variables = {**self.variables, CARRY: carry}
        # Not the module's apply, which slax replaces by one with one or two results.
        y, new = nn.Module.apply(self.module, variables, x, mutable=[CARRY])
        return y, new.get(CARRY, {})

    def fresh(self, x: Any) -> Any:
        """The carry before the first step, which is zero in slax however it is initialised."""
        init = nn.Module.init
        with calling(self.module, x.shape):
            shapes = jax.eval_shape(lambda key: init(self.module, key, x), jax.random.PRNGKey(0))
        return jax.tree.map(lambda a: jnp.zeros(a.shape, x.dtype), dict(shapes.get(CARRY, {})))


def model_of(model: Any) -> Model:
    """The model, which is one time step; taken out of `slax.RNN`, if that is around it."""
    module, variables = _parts(model)
    own = Model(module, {name: part for name, part in variables.items() if name != CARRY})
    if "mdl" not in _in_rnn(own.params):
        return own
    inside = {name: _in_rnn(part)["mdl"] for name, part in own.variables.items() if _in_rnn(part)}
    return Model(_inside(own), inside)


def warn_of_carry(model: Any) -> None:
    """Warn if a model has a carry, which is not used."""
    _, variables = _parts(model)
    if any(np.any(np.asarray(leaf)) for leaf in jax.tree.leaves(variables.get(CARRY, {}))):
        warn_caller(
            'the collection "carry" of the model\'s variables is left out: every run starts with '
            "zeros, but init returns a carry that has run one step; pass "
            '{"params": variables["params"]}'
        )


def _parts(model: Any) -> tuple[nn.Module, Any]:
    if isinstance(model, nn.Module) and model.scope is not None:
        module, variables = model.unbind()
    elif isinstance(model, tuple | list) and len(model) == 2 and isinstance(model[0], nn.Module):
        module, variables = model
    else:
        raise InputError(
            f"the model is a {type(model).__name__}; expected a linen module bound to its "
            "variables (module.bind(variables)), or the pair (module, variables)"
        )
    return module, variables


def _in_rnn(variables: Any) -> Any:
    own = variables if isinstance(variables, dict) else {}
    return own.get("rec_0", {}).get("RNN_", {})


def _inside(model: Model) -> nn.Module:
    """The module that slax.RNN calls in every time step."""
    found: list[nn.Module] = []

    def look(following: Any, args: Any, kwargs: Any, context: Any) -> Any:
        if context.module.path == ("rec_0", "RNN_") and hasattr(context.module, "mdl"):
            found.append(context.module.mdl.clone(parent=None, name=None))
            raise _Found
        return following(*args, **kwargs)

    kernel = next(a for a in jax.tree.leaves(model.params["rec_0"]) if np.ndim(a) == 2)
    xs = jnp.zeros((1, 1, kernel.shape[0]))
    try:
        with nn.intercept_methods(look):
            nn.Module.init(model.module, jax.random.PRNGKey(0), xs)
    except _Found:
        return found[0]
    raise InputError("no model found inside slax.RNN; pass the module inside it")


class _Found(Exception):
    pass


def trace_model(module_map: TypeMap, model: Model, input_shape: tuple[int, ...]) -> nir.NIRGraph:
    """The graph of one step of one sample."""
    fresh = model.fresh(jnp.zeros(input_shape))

    def step(call: Callable[..., Any], x: Any, carry: Any) -> Any:
        inside = False  # whether a layer is running its own code

        def look(following: Any, args: Any, kwargs: Any, context: Any) -> Any:
            nonlocal inside
            layer = context.module
            if inside or not _is_layer(module_map, context):
                return following(*args, **kwargs)
            x, said = _arguments(layer, args, kwargs)
            own = layer.clone(parent=None, name=None, **said)  # options of the call override fields
            variables, before = _variables(layer)
            alone = Model(own, variables)

            def run(x: Any, state: Any = None) -> Any:
                nonlocal inside
                inside = True
                try:
                    y, after = alone.apply(x, state or {})
                finally:
                    inside = False
                return y if state is None else (y, after)

            known = own.bind(variables)
            if not before:
                return call(_name(layer), Call(known, run), x)
            y, after = call(_name(layer), StatefulCall(known, run), x, before)
            for key, value in after.items():
                layer.put_variable(CARRY, key, value)
            return y

        with nn.intercept_methods(look):
            return model.apply(x, carry)

    return traced_graph(module_map, type(model.module).__name__, step, fresh, input_shape)


def run_model(module_map: TypeMap, model: Model, xs: np.ndarray, dtype: str) -> Any:
    """Outputs of all mapped layers and of the model.

    Arguments:
        xs: [time, batch, *features].
    """
    with jax.enable_x64(dtype == "float64"):
        learnt = jax.tree.map(lambda leaf: jnp.asarray(leaf).astype(dtype), model.variables)
        own, given = Model(model.module, learnt), jnp.asarray(np.array(xs, dtype))

        def step(x: Any, carry: Any) -> Any:
            rows: dict[str, Any] = {}

            def look(following: Any, args: Any, kwargs: Any, context: Any) -> Any:
                y = following(*args, **kwargs)
                if _is_layer(module_map, context):
                    rows[_name(context.module)] = y
                return y

            with nn.intercept_methods(look):
                y, carry = own.apply(x, carry)
            return {**rows, OUTPUT: y}, dict(carry)

        fresh = own.fresh(given[0])
        with calling(model.module, given.shape[1:]):
            return run_scan(step, fresh, given)


def _arguments(layer: nn.Module, args: Any, kwargs: Any) -> tuple[Any, dict[str, Any]]:
    """The arguments of a layer's call: its input, and options that are also fields of the layer."""
    bound = inspect.signature(layer.__call__).bind(*args, **kwargs).arguments
    first, *rest = bound
    said = {name: bound[name] for name in rest if bound[name] is not None}
    other = [name for name in said if not hasattr(layer, name)]
    if other:
        raise UnsupportedError(
            f"{_name(layer)}: a {type(layer).__name__} called with {', '.join(other)} has no NIR "
            "node; call it with its input alone"
        )
    return bound[first], said


def _is_layer(module_map: TypeMap, context: Any) -> bool:
    known = find_exporter(type(context.module), module_map) is not ABSENT
    return known and context.method_name == "__call__"


def _name(layer: nn.Module) -> str:
    return ".".join(layer.path) or type(layer).__name__.lower()


def _variables(layer: nn.Module) -> tuple[dict[str, Any], dict[str, Any]]:
    """The variables of a layer that is being called, and its carry."""
    own = dict(layer.variables)
    return own, dict(own.pop(CARRY, {}))
