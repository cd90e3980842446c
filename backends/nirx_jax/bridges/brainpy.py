"""brainpy.state: models of brainstate modules as NIR, and run as their users run them.

A model is any module whose call is one step: `brainstate.nn.Sequential` or one of your own
around brainstate's layers and brainpy.state's neurons. dt is the environment's
(`brainstate.environ`), while it is exported as while it runs.

**Source**: brainpy 2.8.2, brainstate 0.5.4; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportMissingImports=false, reportArgumentType=false, reportCallIssue=false
# pyright: reportAttributeAccessIssue=false, reportOperatorIssue=false, reportOptionalCall=false

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import brainpy
import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import nir
import numpy as np

from nirx.bridging.bridge import Bridge
from nirx.errors import InputError, UnsupportedError
from nirx.presets import PRESETS
from nirx.type_map import ABSENT, find_handler
from nirx_jax.bridges.brainpy_layers import MODULE_MAP
from nirx_jax.bridges.brainpy_neurons import NODE_MAP
from nirx_jax.bridges.brainpy_units import plain, unit_of
from nirx_jax.bridges.running import OUTPUT, run_scan
from nirx_jax.bridges.tracing import Call, StatefulCall, traced_graph
from nirx_jax.exporters import Exporters
from nirx_jax.net import Net
from nirx_jax.to_nir import to_nir

__all__ = ["BRIDGE", "MODULE_MAP", "NODE_MAP"]

State = dict[Any, Any]


def _export(model: Any, input_shape: Any = None) -> nir.NIRGraph:
    """A brainstate module; input_shape is of one sample."""
    if isinstance(model, Net):
        return to_nir(model, MODULE_MAP)
    own = _copied(model)
    given = getattr(model, "in_size", None) if input_shape is None else input_shape
    if given is None:
        given = _first_size(model)
    shape = tuple(int(n) for n in np.atleast_1d(given))
    exporters = Exporters(MODULE_MAP, None)
    for name, layer in _layers(own):  # brainstate hides what is raised inside a call
        exporters.node_of(layer, name)
    brainstate.nn.init_all_states(own)

    def step(call: Callable[..., Any], x: Any, state: State) -> tuple[Any, State]:
        _write(own, state)
        with _Replaced(own, lambda name, layer, run: _traced(call, name, layer, run)):
            y = plain(_called(own, x))
        return y, _read(own)

    return traced_graph(MODULE_MAP, type(model).__name__, step, _read(own), shape)


def _run(model: Any, xs: np.ndarray, dtype: str) -> dict[str, np.ndarray]:
    with jax.enable_x64(dtype == "float64"):
        own, given = _copied(model), jnp.asarray(np.array(xs, dtype))
        brainstate.nn.init_all_states(own, given.shape[1])
        for state in own.states().values():
            state.value = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), state.value)

        def step(x: Any, state: State) -> tuple[Any, State]:
            rows: dict[str, Any] = {}
            _write(own, state)

            def tap(name: str, layer: Any, run: Any) -> Any:
                def update(*args: Any) -> Any:
                    y = run(*args)
                    rows[_leaf_name(name, layer)] = plain(y)
                    return y

                return update

            with _Replaced(own, tap):
                rows[OUTPUT] = plain(_called(own, x))
            return rows, _read(own)

        return run_scan(step, _read(own), given)


def _called(model: Any, x: Any) -> Any:
    """One step. A neuron alone takes its input as a current, or at its synapse."""
    if not isinstance(model, brainpy.state.Neuron) or unit_of(model.V_th) is None:
        return model(x)
    if not isinstance(model, brainpy.state.CubaLIF):
        return model(x * u.mamp)
    model.add_delta_input("x", x * u.mamp)
    return model()


def _traced(call: Callable[..., Any], name: str, layer: Any, run: Any) -> Any:
    """A layer's update with its own code behind a `Call`."""

    def update(*args: Any) -> Any:
        neuron = isinstance(layer, brainpy.state.Neuron)
        x, give = _input(layer, *args) if neuron else (args[0], run)
        unit, units = unit_of(x), {}

        def alone(x: Any, state: Any = None) -> Any:
            if state is not None:
                _write(layer, state)
            y = give(x if unit is None else x * unit)
            units["y"] = unit_of(y)
            return plain(y) if state is None else (plain(y), _read(layer))

        before = _read(layer)
        if before:
            y, after = call(name, StatefulCall(layer, alone), plain(x), before)
            _write(layer, after)
        else:
            y = call(name, Call(layer, alone), plain(x))
        return y if units["y"] is None else y * units["y"]

    return update


def _input(cell: Any, *args: Any) -> tuple[Any, Any]:
    """What flows into a neuron in this step, and its update from that alone."""
    update = type(cell).update
    current = bool(cell.current_inputs) or bool(args)
    if isinstance(cell, brainpy.state.CubaLIF):
        if current:
            raise UnsupportedError(
                "a CubaLIF with a current into its membrane has no NIR node; feed its synapse: "
                "add_delta_input, or a DeltaProj"
            )

        def fed(x: Any) -> Any:
            cell.add_delta_input("nirx", x)
            return update(cell)

        return cell.sum_delta_inputs(0.0 * u.mamp), fed
    if cell.delta_inputs:
        raise UnsupportedError(
            f"a {type(cell).__name__} with delta inputs jumps after its leak, which NIR's does "
            "not; give it a current"
        )
    x = args[0] if args else 0.0 * u.mamp
    return cell.sum_current_inputs(x, cell.V.value), lambda x: update(cell, x)


class _Replaced:
    """The updates of all mapped modules replaced, for as long as it is entered."""

    def __init__(self, model: Any, make: Callable[[str, Any, Any], Any]):
        self.layers = _layers(model)
        self.make = make

    def __enter__(self) -> None:
        for name, layer in self.layers:
            object.__setattr__(layer, "update", self.make(name, layer, layer.update))

    def __exit__(self, *error: object) -> None:
        for _, layer in self.layers:
            object.__delattr__(layer, "update")


def _layers(model: Any) -> list[tuple[str, Any]]:
    """The outermost mapped modules by their names in the graph."""
    found: list[tuple[Any, Any]] = []
    for path, part in sorted(model.nodes().items(), key=lambda item: len(item[0])):
        below = any(path[: len(other)] == other for other, _ in found)
        if not below and find_handler(type(part), MODULE_MAP) is not ABSENT:
            found.append((path, part))
    kind = type(model).__name__.lower()
    return [(".".join(map(str, path)) or kind, part) for path, part in found]


def _leaf_name(name: str, layer: Any) -> str:
    readout = isinstance(layer, brainpy.state.LeakyRateReadout)
    return f"{name}/li" if readout else name


def _read(model: Any) -> State:
    """The state of a module, without its parameters."""
    states = model.states().items()
    return {
        ".".join(map(str, path)): plain(s.value)
        for path, s in states
        if not isinstance(s, brainstate.ParamState)
    }


def _write(model: Any, state: State) -> None:
    """Give a module states with these values: new ones, since brainstate keeps a State from
    being written in a trace that it was not made in."""
    for path, own in model.states().items():
        name = ".".join(map(str, path))
        if name in state:
            unit = unit_of(own.value)
            parent = model
            for key in path[:-1]:
                parent = getattr(parent, key) if isinstance(key, str) else parent[key]
            value = state[name] if unit is None else state[name] * unit
            setattr(parent, path[-1], type(own)(value))


def _copied(model: Any) -> Any:
    if not isinstance(model, brainstate.nn.Module):
        raise InputError(f"the model is a {type(model).__name__}; expected a brainstate.nn.Module")
    return copy.deepcopy(model)


def _first_size(model: Any) -> Any:
    for _, layer in _layers(model):
        size = getattr(layer, "in_size", None)
        if size is not None:
            return size
    raise InputError("nothing tells the shape of the input; pass input_shape=")


BRIDGE = Bridge(
    name="brainpy",
    library="brainpy",
    backend="jax",
    node_map=NODE_MAP,
    module_map=MODULE_MAP,
    export=_export,
    run=_run,
    presets=tuple(name for name in PRESETS if name.startswith("brainpy.")),
)
