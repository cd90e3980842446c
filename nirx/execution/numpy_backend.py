"""The NumPy backend: no gradients, no compilation, the one to read first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nirx.dynamics.discretization import Discretization
from nirx.dynamics.surrogate import resolve_surrogate
from nirx.errors import InputError
from nirx.execution.assemble import assemble, dtype_name, native_arrays
from nirx.execution.backend import Prepared
from nirx.execution.execute import Executor
from nirx.execution.numpy_ops import NumpyOps
from nirx.execution.numpy_reproducible import ReproducibleNumpyOps
from nirx.execution.runners import ForeignRunner, NativeRunner, Runner
from nirx.graphs.schedule import Schedule
from nirx.graphs.state import map_tree

__all__ = ["BACKEND", "Net", "NumpyBackend", "from_nir"]

CHUNK = 256
NUMERIC = (np.ndarray, np.generic)


class Net:
    """A network on NumPy. Build it with `nirx.from_nir(graph, backend="numpy")`."""

    def __init__(
        self, schedule: Schedule, runners: list[Runner], dtype: np.dtype, reproducible: bool
    ):
        self.schedule = schedule
        self.dtype = dtype
        ops = (ReproducibleNumpyOps if reproducible else NumpyOps)(dtype)
        self._executor = Executor(schedule, ops, runners)

    def __call__(self, x: Any, state: Any = None) -> tuple[Any, dict[str, Any]]:
        """One step.

        Arguments:
            x: [*batch, *features], or a dict {Input: array}.
            state: what the step before gave; None starts fresh.

        Returns: outputs (a dict where the graph has several) and the new state.

        **Raises**: `InputError` for a wrong shape or dtype.
        """
        with np.errstate(all="ignore"):  # NaN and infinity propagate, they are no accident
            y, state = self._executor.step(x, state)
            return y, _own(state)

    def run(self, xs: Any, state: Any = None, record: Any = None, chunk: int = CHUNK) -> Any:
        """Many steps.

        Arguments:
            xs: [time, *batch, *features], or a dict {Input: array}.
            state: where to start; None starts fresh.
            record: paths of nodes and state variables, or "all"; see docs/semantics.md.
            chunk: steps that are computed together outside feedback; only speed and memory
                depend on it.

        Returns: outputs and the last state, and recordings [time, *batch, *features] exactly
        if `record` is given.

        **Raises**: `InputError` for a wrong shape, dtype or record key.
        """
        with np.errstate(all="ignore"):
            ys, state, *recordings = self._executor.run(xs, state, record, chunk)
            return ys, _own(state), *recordings

    def init_state(self, batch_shape: Any = ()) -> dict[str, Any]:
        """The state before the first step.

        Arguments:
            batch_shape: a number or a tuple of them; () for none.

        Returns: nested dicts that follow the graph; leaves are [*batch, *features].

        **Raises**: `InputError` for what is no shape.
        """
        with np.errstate(all="ignore"):
            return _own(self._executor.init_state(batch_shape))


def _own(state: Any) -> Any:
    # Arrays, never NumPy scalars, and no two of them on the same memory.
    return map_tree(lambda leaf: np.array(leaf) if isinstance(leaf, NUMERIC) else leaf, state)


def from_nir(
    graph_or_path: Any,
    discretization: Discretization | None = None,
    dtype: Any = "float32",
    reproducible: bool = False,
    node_map: Mapping[type, Any] | None = None,
    surrogate: Any = "superspike",
    detach_reset: bool = False,
) -> Net:
    """Build a NumPy network; see `nirx.from_nir`. There are no gradients here."""
    name = dtype_name(dtype)
    resolve_surrogate(surrogate)
    assembly = assemble(graph_or_path, discretization, node_map, name, identity=lambda: _identity)
    runners: list[Runner] = []
    for position, (place, node) in enumerate(
        zip(assembly.schedule.nodes, assembly.nodes, strict=True)
    ):
        if place.dynamics is None:
            module = assembly.custom[assembly.shared.get(position, position)]
            if not callable(module):
                found = type(module).__name__
                raise InputError(f"{place.name!r}: node_map gave a {found}; expected a callable")
            runners.append(ForeignRunner(place.name, module, module, place.output_shape))
        else:
            arrays = native_arrays(type(place.dynamics), node)
            parameters = {k: v.astype(name) for k, v in arrays.items()}
            runners.append(NativeRunner(place.dynamics, parameters))
    return Net(assembly.schedule, runners, np.dtype(name), reproducible)


def _identity(x: Any) -> Any:
    return x


class NumpyBackend:
    """The object behind the entry point `nirx.backends: numpy`."""

    name = "numpy"

    from_nir = staticmethod(from_nir)

    def prepare(
        self,
        graph: Any,
        discretization: Discretization | None = None,
        dtype: str = "float32",
        **options: Any,
    ) -> Prepared:
        net = from_nir(graph, discretization, dtype, **options)

        def run(inputs: Any, state: Any = None, record: Any = ()) -> tuple[Any, Any, Any]:
            return net.run(inputs, state, record)

        return run


BACKEND = NumpyBackend()
