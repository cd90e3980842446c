"""brainpy.state: models of brainstate modules as NIR, and run as their users run them.

A model is any module whose call is one step: `brainstate.nn.Sequential` or a module of yours
around brainstate's layers and brainpy.state's neurons. dt is that of the environment
(`brainstate.environ`) during export and run.

**Source**: brainpy 2.8.2, brainstate 0.5.4; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportMissingImports=false

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
from nirx.dynamics.ops import Shape
from nirx.dynamics.presets import PRESETS
from nirx.errors import InputError, UnsupportedError
from nirx_jax.bridges.brainpy_layers import MODULE_MAP
from nirx_jax.bridges.brainpy_modules import (
    State,
    asked,
    layers_of,
    read_state,
    replaced,
    write_state,
)
from nirx_jax.bridges.brainpy_neurons import NODE_MAP
from nirx_jax.bridges.brainpy_units import plain, unit_of
from nirx_jax.bridges.calling import calling
from nirx_jax.bridges.exporting import as_shape
from nirx_jax.bridges.probing import Look, probed_shape
from nirx_jax.bridges.running import OUTPUT, run_scan
from nirx_jax.bridges.tracing import Call, StatefulCall, traced_graph
from nirx_jax.exporters import Exporters
from nirx_jax.net import Net
from nirx_jax.to_nir import to_nir

__all__ = ["BRIDGE", "MODULE_MAP", "NODE_MAP"]

SPIKES = ".spikes"
"""Suffix of a neuron's name, in the state of a step, for its output of the step before."""


def _export(model: Any, input_shape: Any = None) -> nir.NIRGraph:
    """A brainstate module; input_shape is of one sample."""
    if isinstance(model, Net):
        return to_nir(model, MODULE_MAP)
    own = _copied(model)
    _require_no_dropout(own)
    exporters = Exporters(MODULE_MAP, None)
    for name, layer in layers_of(own):  # refuse a layer before the model's call can fail
        exporters.node_of(layer, name)
    shape = _input_shape(own, input_shape)
    brainstate.nn.init_all_states(own)

    cells = {n: c for n, c in layers_of(own) if isinstance(c, brainpy.state.Neuron)}

    def step(call: Callable[..., Any], x: Any, state: State) -> tuple[Any, State]:
        write_state(own, state)
        spikes = {name: state[name + SPIKES] for name in cells}

        def tap(name: str, layer: Any, run: Any) -> Any:
            update = _traced(call, name, layer, run)
            return update if name not in cells else _kept(update, name, spikes)

        with replaced(own, tap), asked(cells, spikes):
            y = plain(_called(own, x))
        return y, read_state(own) | {name + SPIKES: z for name, z in spikes.items()}

    before = {name + SPIKES: jnp.zeros(cell.varshape) for name, cell in cells.items()}
    return traced_graph(MODULE_MAP, type(model).__name__, step, read_state(own) | before, shape)


def _run(model: Any, xs: np.ndarray, dtype: str) -> dict[str, np.ndarray]:
    with jax.enable_x64(dtype == "float64"):
        own, given = _copied(model), jnp.asarray(np.array(xs, dtype))
        brainstate.nn.init_all_states(own, given.shape[1])
        for state in own.states().values():
            state.value = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), state.value)

        def step(x: Any, state: State) -> tuple[Any, State]:
            rows: dict[str, Any] = {}
            write_state(own, state)

            def tap(name: str, layer: Any, run: Any) -> Any:
                def update(*args: Any) -> Any:
                    y = run(*args)
                    rows[_leaf_name(name, layer)] = plain(y)
                    return y

                return update

            with replaced(own, tap):
                rows[OUTPUT] = plain(_called(own, x))
            return rows, read_state(own)

        with calling(model, given.shape[1:]):
            return run_scan(step, read_state(own), given)


def _called(model: Any, x: Any) -> Any:
    """One step. A model that is one neuron gets its input as a current, or at its synapse."""
    if not isinstance(model, brainpy.state.Neuron) or unit_of(model.V_th) is None:
        with brainstate.environ.context(fit=_fits()):
            return model(x)
    if not isinstance(model, brainpy.state.CubaLIF):
        return model(x * u.mamp)
    model.add_delta_input("x", x * u.mamp)
    return model()


def _traced(call: Callable[..., Any], name: str, layer: Any, run: Any) -> Any:
    """A layer's update, with the layer's code behind a `Call`."""

    def update(*args: Any) -> Any:
        fed = isinstance(layer, brainpy.state.Neuron | brainpy.state.Expon)
        x, give = _input(layer, *args) if fed else (args[0], run)
        unit, units = unit_of(x), {}

        def alone(x: Any, state: Any = None) -> Any:
            if state is not None:
                write_state(layer, state)
            y = give(x if unit is None else x * unit)
            units["y"] = unit_of(y)
            return plain(y) if state is None else (plain(y), read_state(layer))

        before = read_state(layer)
        if before:
            y, after = call(name, StatefulCall(layer, alone), plain(x), before)
            write_state(layer, after)
        else:
            y = call(name, Call(layer, alone), plain(x))
        return y if units["y"] is None else y * units["y"]

    return update


def _input(cell: Any, *args: Any) -> tuple[Any, Any]:
    """The total input of a neuron in this step, and its update as a function of that."""
    update = type(cell).update
    if isinstance(cell, brainpy.state.Expon):
        if cell.current_inputs:
            raise UnsupportedError(
                "an Expon with an input current has no NIR node; call it with its input, or use "
                "add_delta_input"
            )
        x = args[0] if args else u.math.zeros_like(cell.g.value)
        return cell.sum_delta_inputs(x), lambda x: update(cell, x)
    current = bool(cell.current_inputs) or bool(args)
    if isinstance(cell, brainpy.state.CubaLIF):
        if current:
            raise UnsupportedError(
                "a CubaLIF with a current into its membrane has no NIR node; feed its synapse, by "
                "add_delta_input or a DeltaProj"
            )

        def fed(x: Any) -> Any:
            cell.add_delta_input("nirx", x)
            return update(cell)

        return cell.sum_delta_inputs(0.0 * u.mamp), fed
    if cell.delta_inputs:
        raise UnsupportedError(
            f"a {type(cell).__name__} with delta inputs jumps after its leak, unlike any NIR node; "
            "give it a current"
        )
    x = args[0] if args else 0.0 * u.mamp
    return cell.sum_current_inputs(x, cell.V.value), lambda x: update(cell, x)


def _kept(update: Any, name: str, spikes: dict[str, Any]) -> Any:
    """An update that also stores its output under a name."""

    def keep(*args: Any) -> Any:
        spikes[name] = y = update(*args)
        return y

    return keep


def _leaf_name(name: str, layer: Any) -> str:
    readout = isinstance(layer, brainpy.state.LeakyRateReadout)
    return f"{name}/li" if readout else name


def _copied(model: Any) -> Any:
    if not isinstance(model, brainstate.nn.Module):
        raise InputError(f"the model is a {type(model).__name__}; expected a brainstate.nn.Module")
    return copy.deepcopy(model)


def _input_shape(model: Any, given: Any) -> tuple[int, ...]:
    """That of one sample: from the caller, the model, or the layer that reads the input."""
    if given is None:
        given = getattr(model, "in_size", None)
    return _probed(model) if given is None else as_shape(given)


def _probed(model: Any) -> Shape:
    sizes = [getattr(layer, "in_size", None) for _, layer in layers_of(model)]

    def run(x: Any, look: Look) -> None:
        def tap(name: str, layer: Any, run: Any) -> Any:
            def update(*args: Any) -> Any:
                if args:
                    look(args[0], as_shape(layer.in_size))
                return run(*args)

            return update

        own = copy.deepcopy(model)
        brainstate.nn.init_all_states(own)
        with replaced(own, tap):
            _called(own, x)

    return probed_shape([as_shape(size) for size in sizes if size is not None], run)


def _require_no_dropout(model: Any) -> None:
    for path, part in model.nodes().items():
        kind = type(part).__name__
        if _fits() and "Dropout" in kind and getattr(part, "prob", 1.0) < 1:
            raise UnsupportedError(
                f"{'.'.join(map(str, path)) or kind}: {kind} is random in training; use "
                "brainstate.environ.set(fit=False) for the export"
            )


def _fits() -> bool:
    """Whether the environment says that the model is being trained; by default it is not."""
    return bool(brainstate.environ.get("fit", False))


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
