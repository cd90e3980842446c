"""`Net`: a NIR graph as an `equinox.Module`."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import numpy as np

from nirx.execute import Executor
from nirx.runners import ForeignRunner, NativeRunner, Runner
from nirx.schedule import Schedule, ScheduledNode
from nirx.state import map_tree
from nirx.surrogate import Surrogate
from nirx_jax.node_map import NativeNode
from nirx_jax.ops import JaxOps
from nirx_jax.reproducible import ReproducibleJaxOps

__all__ = ["Net"]

CHUNK = 1024


class Net(eqx.Module):
    """A network on JAX. Build it with `nirx_jax.from_nir`.

    A pytree whose array leaves are the parameters: `net.nodes["lif1/lif"].tau`. All else is
    static and compares by content, so equal networks share one compilation. Calls are
    compiled; they work under `jax.jit`, `vmap`, `grad` and `eqx.filter_*` alike.
    """

    nodes: dict[str, Any]
    schedule: Schedule = eqx.field(static=True)
    dtype: str = eqx.field(static=True)
    surrogate: Surrogate = eqx.field(static=True)
    detach_reset: bool = eqx.field(static=True)
    reproducible: bool = eqx.field(static=True)

    def __call__(self, x: Any, state: Any = None) -> tuple[Any, dict[str, Any]]:
        """One step.

        Arguments:
            x: [*batch, *features], or a dict {Input: array}.
            state: what the step before gave, never changed; None starts fresh.

        Returns: outputs (a dict where the graph has several) and the new state.

        **Raises**: `InputError` for a wrong shape or dtype.
        """
        return _step(self, self._arrays(x, "input"), self._arrays(state, "state"))

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
        if record is not None and not isinstance(record, str):
            record = tuple(record)
        return _run(self, self._arrays(xs, "input"), self._arrays(state, "state"), record, chunk)

    def init_state(self, batch_shape: Any = ()) -> dict[str, Any]:
        """The state before the first step; leaves are [*batch, *features]."""
        return self._executor().init_state(batch_shape)

    def _arrays(self, tree: Any, what: str) -> Any:
        # Checked before compilation, which would silently narrow a NumPy float64 to float32.
        def check(leaf: Any) -> Any:
            if isinstance(leaf, np.ndarray) and leaf.dtype.kind not in "biu":
                return self._ops().accept(leaf, f"an array of the {what}")
            return leaf

        return map_tree(check, tree)

    def _ops(self) -> JaxOps:
        kind = ReproducibleJaxOps if self.reproducible else JaxOps
        return kind(self.dtype, self.surrogate, self.detach_reset)

    def _executor(self) -> Executor:
        runners = [_runner(node, self.nodes[node.name]) for node in self.schedule.nodes]
        return Executor(self.schedule, self._ops(), runners)


def _runner(node: ScheduledNode, module: Any) -> Runner:
    if isinstance(module, NativeNode):
        assert node.dynamics is not None, "a native node always has dynamics"
        return NativeRunner(node.dynamics, module.arrays)
    return ForeignRunner(node.name, module, module, node.output_shape)


@eqx.filter_jit
def _step(net: Net, x: Any, state: Any) -> tuple[Any, dict[str, Any]]:
    return net._executor().step(x, state)


@eqx.filter_jit
def _run(net: Net, xs: Any, state: Any, record: Any, chunk: int) -> Any:
    return net._executor().run(xs, state, record, chunk)


def cast(module: Any, dtype: str) -> Any:
    """Every floating leaf of a module in one dtype."""

    def convert(leaf: Any) -> Any:
        return leaf.astype(dtype) if eqx.is_inexact_array(leaf) else leaf

    return jax.tree.map(convert, module)
