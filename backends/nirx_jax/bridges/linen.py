"""linen models whose layers keep their state in the collection "carry", as slax's do.

**Source**: flax.linen.intercept_methods sees every call of a layer; slax 0.0.1 keeps its state
in "carry" where a layer is called with x alone.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportMissingImports=false, reportArgumentType=false, reportCallIssue=false
# pyright: reportAttributeAccessIssue=false, reportOperatorIssue=false, reportOptionalCall=false

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import nir
import numpy as np

from nirx.errors import InputError
from nirx.type_map import ABSENT, TypeMap, find_handler
from nirx_jax.bridges.running import OUTPUT, run_scan
from nirx_jax.bridges.tracing import Call, StatefulCall, traced_graph

__all__ = ["Model", "model_of", "run_model", "trace_model"]

CARRY = "carry"


@dataclass(frozen=True)
class Model:
    """A module without its parameters, and these."""

    module: nn.Module
    params: Any

    def apply(self, x: Any, carry: Any) -> tuple[Any, Any]:
        """One step: y and the new carry."""
        variables = {"params": self.params, CARRY: carry}
        # Not the module's own apply, of which slax makes one with one result or two.
        y, new = nn.Module.apply(self.module, variables, x, mutable=[CARRY])
        return y, new.get(CARRY, {})

    def fresh(self, x: Any) -> Any:
        """The carry before the first step: slax's own is zero whatever it is initialised with."""
        init = nn.Module.init
        shapes = jax.eval_shape(lambda key: init(self.module, key, x), jax.random.PRNGKey(0))
        return jax.tree.map(lambda a: jnp.zeros(a.shape, x.dtype), dict(shapes.get(CARRY, {})))


def model_of(model: Any) -> Model:
    """The model inside `slax.RNN`, if that is around it: one step without time."""
    if isinstance(model, nn.Module) and model.scope is not None:
        module, variables = model.unbind()
    elif isinstance(model, tuple | list) and len(model) == 2 and isinstance(model[0], nn.Module):
        module, variables = model
    else:
        raise InputError(
            f"the model is a {type(model).__name__}; expected a linen module bound to its "
            "variables (module.bind(variables)), or the pair (module, variables)"
        )
    own = Model(module, variables.get("params", {}))
    rnn = own.params.get("rec_0", {}).get("RNN_", {}) if isinstance(own.params, dict) else {}
    return Model(_inside(own), rnn["mdl"]) if "mdl" in rnn else own


def _inside(model: Model) -> nn.Module:
    """The module that slax.RNN calls in every step."""
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
    raise InputError("no model found inside slax.RNN; give the module inside it")


class _Found(Exception):
    pass


def trace_model(module_map: TypeMap, model: Model, input_shape: tuple[int, ...]) -> nir.NIRGraph:
    """The graph of one step of one sample."""
    fresh = model.fresh(jnp.zeros(input_shape))

    def step(call: Callable[..., Any], x: Any, carry: Any) -> Any:
        inside = False  # of a layer, which runs its own code

        def look(following: Any, args: Any, kwargs: Any, context: Any) -> Any:
            nonlocal inside
            layer = context.module
            if inside or not _is_layer(module_map, context):
                return following(*args, **kwargs)
            own, (params, before) = layer.clone(parent=None, name=None), _variables(layer)
            alone = Model(own, params)

            def run(x: Any, state: Any = None) -> Any:
                nonlocal inside
                inside = True
                try:
                    y, after = alone.apply(x, state or {})
                finally:
                    inside = False
                return y if state is None else (y, after)

            known = own.bind({"params": params})
            if not before:
                return call(_name(layer), Call(known, run), *args)
            y, after = call(_name(layer), StatefulCall(known, run), *args, before)
            for key, value in after.items():
                layer.put_variable(CARRY, key, value)
            return y

        with nn.intercept_methods(look):
            return model.apply(x, carry)

    return traced_graph(module_map, type(model.module).__name__, step, fresh, input_shape)


def run_model(module_map: TypeMap, model: Model, xs: np.ndarray, dtype: str) -> Any:
    """What every mapped layer gave, and the model.

    Arguments:
        xs: [time, batch, *features].
    """
    with jax.enable_x64(dtype == "float64"):
        params = jax.tree.map(lambda leaf: jnp.asarray(leaf).astype(dtype), model.params)
        own, given = Model(model.module, params), jnp.asarray(np.array(xs, dtype))

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

        return run_scan(step, own.fresh(given[0]), given)


def _is_layer(module_map: TypeMap, context: Any) -> bool:
    known = find_handler(type(context.module), module_map) is not ABSENT
    return known and context.method_name == "__call__"


def _name(layer: nn.Module) -> str:
    return ".".join(layer.path) or type(layer).__name__.lower()


def _variables(layer: nn.Module) -> tuple[Any, dict[str, Any]]:
    """Parameters and carry of a layer that is being called."""
    own = layer.variables
    return own.get("params", {}), dict(own.get(CARRY, {}))
