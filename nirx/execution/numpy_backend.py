"""The NumPy backend: no gradients, no compilation. Read this one first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from nirx.dynamics.base import Dynamics
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.ops import Array
from nirx.execution.adapter import build_modules
from nirx.execution.assemble import assemble, dtype_name, native_arrays
from nirx.execution.backend import NetworkBackend
from nirx.execution.chunking import NODE_ROOM, require_checkpoint
from nirx.execution.describe import ShownNetwork, network_text
from nirx.execution.execute import Executor
from nirx.execution.kernels.loop_run import Loops
from nirx.execution.kernels.plan import Execution, Plan, make_plan, require_execution
from nirx.execution.kernels.product import ProductRunner
from nirx.execution.kernels.runner import FusedRunner, Host
from nirx.execution.node_surrogates import node_surrogates
from nirx.execution.numpy_ops import NumpyOps
from nirx.execution.numpy_reproducible import ReproducibleNumpyOps
from nirx.execution.runners import ForeignRunner, NativeRunner, Runner
from nirx.graphs.origin import Origin
from nirx.graphs.returns import stored_returns
from nirx.graphs.schedule import Schedule
from nirx.graphs.state import map_tree

__all__ = [
    "BACKEND",
    "FUSED",
    "Net",
    "NumpyBackend",
    "NumpyHost",
    "from_nir",
    "native_runner",
    "separate",
]

NUMERIC = (np.ndarray, np.generic)


class NumpyHost:
    """See `nirx.execution.kernels.runner.Host`."""

    def stands_for(self, ops: Any) -> bool:
        return type(ops) in (NumpyOps, ReproducibleNumpyOps)

    def arrays(self, arrays: Sequence[Array]) -> list[np.ndarray] | None:
        return list(arrays)

    def result(self, array: np.ndarray) -> Array:
        return array


class Net(ShownNetwork):
    """A network on NumPy; see `nirx.Network`. Build it with `nirx.from_nir(graph, "numpy")`."""

    def __init__(
        self,
        schedule: Schedule,
        runners: list[Runner],
        dtype: np.dtype,
        reproducible: bool,
        plan: Plan,
        origin: Origin,
    ):
        self.schedule = schedule
        self.origin = origin
        self.dtype = dtype
        self.plan = plan
        self.reproducible = reproducible
        ops = (ReproducibleNumpyOps if reproducible else NumpyOps)(dtype, plan.gathers)
        ops.has_kernels = plan.has_kernels
        ops.copies = any(runner.foreign for runner in runners)
        loops = Loops(schedule, plan, ops, NumpyHost())
        returns = stored_returns(origin.node)
        self._executor = Executor(schedule, ops, runners, returns, loops, constant=True)

    def __call__(self, x: Any, state: Any = None) -> tuple[Any, dict[str, Any]]:
        """Run one time step; see `nirx.Network`."""
        with np.errstate(all="ignore"):  # NaN and infinity propagate by design
            y, state = self._executor.step(x, state)
            return y, separate(state)

    def run(
        self,
        xs: Any,
        state: Any = None,
        record: Any = None,
        chunk: int | None = None,
        checkpoint: bool = False,
    ) -> Any:
        """Run many time steps; see `nirx.Network`. Without gradients, `checkpoint` does nothing."""
        require_checkpoint(checkpoint)
        with np.errstate(all="ignore"):
            ys, state, *recordings = self._executor.run(xs, state, record, chunk, NODE_ROOM)
            return ys, separate(state), *recordings

    def init_state(self, batch_shape: Any = ()) -> dict[str, Any]:
        """The state before the first step; see `nirx.Network`."""
        with np.errstate(all="ignore"):
            return separate(self._executor.init_state(batch_shape))

    def __repr__(self) -> str:
        return network_text("numpy", self.schedule, self.dtype, self.reproducible)


def separate(state: Any) -> Any:
    """A state of arrays, never NumPy scalars, no two of them on the same memory."""
    return map_tree(lambda leaf: np.array(leaf) if isinstance(leaf, NUMERIC) else leaf, state)


def native_runner(
    plan: Plan, position: int, dynamics: Dynamics, parameters: Mapping[str, Array], host: Host
) -> NativeRunner:
    """The runner that a plan chose for a node, without gradients."""
    how = plan.choices[position].how
    if how == "fused":
        return FusedRunner(dynamics, parameters, plan, host)
    if how == "gathered":
        return ProductRunner(dynamics, parameters, host)
    return NativeRunner(dynamics, parameters)


def from_nir(
    graph_or_path: Any,
    discretization: Discretization | None = None,
    dtype: Any = "float32",
    reproducible: bool = False,
    node_map: Mapping[type, Any] | None = None,
    surrogate: Any = None,
    detach_reset: bool = False,
    execution: Execution = "auto",
) -> Net:
    """Build a NumPy network; see `nirx.from_nir`. It has no gradients."""
    name = dtype_name(dtype)
    require_execution(execution)
    assembly = assemble(graph_or_path, discretization, node_map, name, identity=lambda: _identity)
    node_surrogates(surrogate, assembly.schedule, assembly.nodes)  # has to be right here too
    name, reproducible = assembly.dtype, reproducible and not assembly.in_integers
    modules = build_modules(assembly, callable, "a callable")
    plan = make_plan(assembly.schedule, execution, name, reproducible)
    runners: list[Runner] = []
    places = assembly.schedule.nodes
    for position, (place, node, module) in enumerate(
        zip(places, assembly.nodes, modules, strict=True)
    ):
        if place.dynamics is None:
            runners.append(ForeignRunner(place.name, module, module, place.output_shape))
        else:
            arrays = native_arrays(type(place.dynamics), node)
            parameters = {k: v.astype(name) for k, v in arrays.items()}
            own = native_runner(plan, position, place.dynamics, parameters, NumpyHost())
            runners.append(own)
    return Net(assembly.schedule, runners, np.dtype(name), reproducible, plan, assembly.origin)


def _identity(x: Any) -> Any:
    return x


class NumpyBackend(NetworkBackend):
    """The object behind the entry point `nirx.backends: numpy`."""

    name = "numpy"
    from_nir = staticmethod(from_nir)

    def to_numpy(self, tree: Any) -> Any:
        return tree


class FusedNumpyBackend(NumpyBackend):
    """The same with every kernel, however short the run: for tests of the kernels."""

    name = "numpy-fused"
    from_nir = staticmethod(partial(from_nir, execution="fused"))


BACKEND, FUSED = NumpyBackend(), FusedNumpyBackend()
