"""The libraries' own NIR importers, each called and run as its documentation says.

An importer here is `(graph, dt, batch) -> Imported`. It may keep or change the graph. The libraries
are imported when it is called, so that this module can be imported without them.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import nir
import numpy as np

__all__ = [
    "Imported",
    "Importer",
    "RefusedError",
    "jaxsnn",
    "norse",
    "rockpool",
    "sinabs",
    "snntorch",
    "spikingjelly",
    "spyx",
]


class RefusedError(Exception):
    """The build failed in an importer that builds and runs in one call."""


@dataclass(frozen=True)
class Imported:
    """A network as a library built it.

    Arguments:
        run: xs [time, batch, *features] -> outputs, from the initial state.
        dt: the step chosen by the library; None if it is passed in or fixed.
    """

    run: Callable[[np.ndarray], np.ndarray]
    dt: float | None = None


Importer = Callable[[nir.NIRGraph, float, int], Imported]


def _stepwise(model: Any) -> Callable[[np.ndarray], np.ndarray]:
    """A torch model (x, state) -> (y, state), called once per step."""

    def run(xs: np.ndarray) -> np.ndarray:
        import torch

        state, rows = None, []
        with torch.no_grad():
            for x in torch.from_numpy(xs):
                y, state = model(x, state)
                rows.append(y)
        return torch.stack(rows).numpy()

    return run


def norse(graph: nir.NIRGraph, dt: float, batch: int) -> Imported:
    """**Source**: norse.torch.from_nir and its docstring."""
    library = import_module("norse.torch")
    return Imported(_stepwise(library.from_nir(graph, dt=dt)))


def snntorch(graph: nir.NIRGraph, dt: float, batch: int) -> Imported:
    """dt is fixed at 1e-4. **Source**: snntorch.import_nir.import_from_nir and its docstring."""
    library = import_module("snntorch.import_nir")
    return Imported(_stepwise(library.import_from_nir(graph)))


def sinabs(graph: nir.NIRGraph, dt: float, batch: int) -> Imported:
    """Time constants are in steps. Run step by step, so that feedback can be one step late.

    **Source**: sinabs.from_nir and its docstring.
    """
    library = import_module("sinabs")
    return Imported(_stepwise(library.from_nir(graph, batch_size=batch)))


def spikingjelly(graph: nir.NIRGraph, dt: float, batch: int) -> Imported:
    """**Source**: spikingjelly.activation_based.nir_exchange.import_from_nir and its docstring."""
    library = import_module("spikingjelly.activation_based.nir_exchange")
    return Imported(_stepwise(library.import_from_nir(graph, dt=dt)))


def rockpool(graph: nir.NIRGraph, dt: float, batch: int) -> Imported:
    """It chooses dt, and runs on [batch, time, features].

    **Source**: rockpool.nn.modules.from_nir and rockpool's notebook nir_export_import.
    """
    import torch

    model = import_module("rockpool.nn.modules.torch.nir").from_nir(graph)
    chosen = {float(part.dt) for part in model.modules() if hasattr(part, "dt")}

    def run(xs: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            result = model(torch.from_numpy(xs).movedim(0, 1))
        ys = result[0] if isinstance(result, tuple) else result
        return ys.movedim(1, 0).numpy()

    return Imported(run, min(chosen, default=None))


def spyx(graph: nir.NIRGraph, dt: float, batch: int) -> Imported:
    """Channels come last, so images are transposed on their way in and out.

    **Source**: spyx.nir.from_nir and its docstring.
    """
    library = import_module("spyx.nir")

    def run(xs: np.ndarray) -> np.ndarray:
        image = xs.ndim == 5
        try:
            _, ys = library.from_nir(graph, np.moveaxis(xs, 2, -1) if image else xs, dt=dt)
        except Exception as error:
            frames = traceback.walk_tb(error.__traceback__)
            if any(frame.f_code.co_name == "_build_model" for frame, _ in frames):
                raise RefusedError from error
            raise
        ys = np.asarray(ys)
        return np.moveaxis(ys, -1, 2) if ys.ndim == 5 else ys

    return Imported(run)


def jaxsnn(graph: nir.NIRGraph, dt: float, batch: int) -> Imported:
    """Only built, never run: it is event-based and has no time steps to compare.

    **Source**: jaxsnn.event.from_nir and its docstring.
    """
    library = import_module("jaxsnn.event.utils.from_nir")
    config = library.ConversionConfig(t_max=100 * dt, n_steps=dict.fromkeys(graph.nodes, 100))
    library.from_nir(graph, config).done()

    def run(xs: np.ndarray) -> np.ndarray:
        raise NotImplementedError("it is event-based")

    return Imported(run)
