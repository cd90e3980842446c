"""`Net`: a NIR graph as an `equinox.Module`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax

from nirx.basics.paths import format_path
from nirx.dynamics.surrogate_formulas import Surrogate
from nirx.errors import UnsupportedError
from nirx.execution.accept import accept_input
from nirx.execution.assemble import Assembly
from nirx.execution.chunking import COMPILED_ROOM, require_checkpoint
from nirx.execution.describe import ShownNetwork, network_text
from nirx.execution.execute import Executor
from nirx.execution.node_surrogates import NodeSurrogates
from nirx.execution.runners import ForeignRunner, NativeRunner, Runner
from nirx.graphs.origin import Origin
from nirx.graphs.recording import resolve_record
from nirx.graphs.returns import stored_returns
from nirx.graphs.schedule import Schedule, ScheduledNode
from nirx_jax.dispatch import Compiled, Known, known, plain_method
from nirx_jax.native import NativeNode
from nirx_jax.ops import JaxOps
from nirx_jax.reproducible import ReproducibleJaxOps
from nirx_jax.sharding import left_to_xla, require_one_place, spread
from nirx_jax.x64 import x64_is_on

__all__ = ["Net", "cast"]


class Net(ShownNetwork, eqx.Module):
    """A network on JAX. Build it with `nirx_jax.from_nir`.

    A pytree whose array leaves are the parameters: `net.nodes["lif1/lif"].tau`. Everything else is
    static and compares by content, so equal networks share one compilation. Calls are
    compiled; they work under `jax.jit`, `vmap`, `grad` and `eqx.filter_*` alike.
    """

    nodes: dict[str, Any]
    """By path. Nodes that share a module have one entry, under the first of their paths."""
    schedule: Schedule = eqx.field(static=True)
    origin: Origin = eqx.field(static=True)
    shared: tuple[tuple[str, str], ...] = eqx.field(static=True)
    """(path, path of the first node with the same module)."""
    dtype: str = eqx.field(static=True)
    surrogates: NodeSurrogates = eqx.field(static=True)
    detach_reset: bool = eqx.field(static=True)
    reproducible: bool = eqx.field(static=True)
    any_dtype: bool = eqx.field(static=True)

    def __init__(
        self,
        assembly: Assembly,
        modules: dict[str, Any],
        dtype: str,
        surrogates: NodeSurrogates,
        detach_reset: bool,
        reproducible: bool,
        any_dtype: bool = False,
    ):
        names = [node.name for node in assembly.schedule.nodes]
        self.nodes, self.schedule, self.origin = modules, assembly.schedule, assembly.origin
        self.shared = tuple((names[a], names[b]) for a, b in sorted(assembly.shared.items()))
        self.dtype, self.surrogates, self.detach_reset = dtype, surrogates, detach_reset
        self.reproducible, self.any_dtype = reproducible, any_dtype

    @property
    def modules_by_path(self) -> dict[str, Any]:
        """The module of every node's path; nodes that share one have the same."""
        leaders = dict(self.shared)
        names = (node.name for node in self.schedule.nodes)
        return {name: self.nodes[leaders.get(name, name)] for name in names}

    @property
    def modules_in_order(self) -> list[Any]:
        """The module of every position of the schedule; nodes may share one."""
        return list(self.modules_by_path.values())

    def __call__(self, x: Any, state: Any = None) -> tuple[Any, dict[str, Any]]:
        """Run one time step; see `nirx.Network`. Float64 needs JAX's x64 mode."""
        x, state = _inputs(self, x), _state(self, state)
        require_one_place(self, x, state)
        return _step(self, x, state)

    @plain_method
    def run(
        self,
        xs: Any,
        state: Any = None,
        record: Any = None,
        chunk: int | None = None,
        checkpoint: bool = False,
        sharding: Any = None,
    ) -> Any:
        """Run many time steps; see `nirx.Network`.

        Arguments:
            sharding: how the inputs are spread over devices: a `jax.sharding.NamedSharding` of
                `[time, *batch, *features]`, or a `PartitionSpec` over the mesh of
                `jax.set_mesh`. See docs/many-devices.md.

        **Raises**: `InputError` also for a sharding that does not fit.
        """
        probes = None if record is None else resolve_record(self.schedule, record)
        keys = None if probes is None else tuple(probe.key for probe in probes)
        options = keys, chunk, require_checkpoint(checkpoint)
        net, xs, state = self, _inputs(self, xs), _state(self, state)
        if sharding is not None:
            net, xs, state = spread(self.schedule, net, xs, state, sharding)
        require_one_place(net, xs, state)
        outputs, state, recordings = _run(net, xs, state, *options)
        if keys is None:
            return outputs, state
        return outputs, state, dict(zip(keys, recordings, strict=True))

    def init_state(self, batch_shape: Any = ()) -> dict[str, Any]:
        """The state before the first step; see `nirx.Network`."""
        _require_x64(self)
        return _executor(self).init_state(batch_shape)

    def __repr__(self) -> str:
        return network_text("jax", self.schedule, self.dtype, self.reproducible)


# Functions, because Equinox wraps every method in a pytree at each access: a third of a short run.

# Arguments are checked before compilation, which would silently narrow a NumPy float64 to
# float32 and take a foreign tensor for a constant.


def _inputs(net: Net, x: Any) -> Any:
    _require_x64(net)
    ops, schedule = known(net, _look).ops, net.schedule
    if isinstance(x, Mapping):
        return {
            name: accept_input(schedule, ops, leaf, f"input {name!r}") for name, leaf in x.items()
        }
    return accept_input(schedule, ops, x, "the input")


def _state(net: Net, state: Any) -> Any:
    if state is None:
        return None
    ops = known(net, _look).ops
    modules = net.modules_by_path
    users = {n.path for n in net.schedule.nodes if not isinstance(modules[n.name], NativeNode)}

    def check(tree: Any, path: tuple[str, ...]) -> Any:
        if path in users:
            return tree
        if isinstance(tree, Mapping):
            return {name: check(below, (*path, name)) for name, below in tree.items()}
        return ops.accept(tree, f"state {format_path(path)!r}")

    return check(state, ())


def _require_x64(net: Net) -> None:
    if net.dtype == "float64" and not x64_is_on():
        raise UnsupportedError(
            "this network is in float64 and JAX's x64 mode is off; run it inside "
            "`with jax.enable_x64(True):`, as it was built"
        )


def _ops(net: Net) -> JaxOps:
    kind = ReproducibleJaxOps if net.reproducible else JaxOps
    ops = kind(net.dtype, net.surrogates.usual, net.detach_reset)
    ops.any_dtype = net.any_dtype
    return ops


def _look(net: Net) -> Known:
    native = all(isinstance(module, NativeNode) for module in net.nodes.values())
    return Known.of(net, _ops(net), native)


def _executor(net: Net) -> Executor:
    modules = net.modules_by_path
    runners = [
        _runner(node, modules[node.name], net.surrogates.at(position))
        for position, node in enumerate(net.schedule.nodes)
    ]
    return Executor(net.schedule, _ops(net), runners, stored_returns(net.origin.node))


def _runner(node: ScheduledNode, module: Any, surrogate: Surrogate) -> Runner:
    if isinstance(module, NativeNode):
        assert node.dynamics is not None, "a native node always has dynamics"
        return NativeRunner(node.dynamics, module.values, surrogate)
    return ForeignRunner(node.name, module, module, node.output_shape)


def _call_step(net: Net, x: Any, state: Any) -> tuple[Any, dict[str, Any]]:
    def step(net: Net, x: Any, state: Any) -> Any:
        return _executor(net).step(x, state)

    return left_to_xla(step, net.schedule, False, net, x, state)


def _call_run(
    net: Net, xs: Any, state: Any, record: Any, chunk: int | None, checkpoint: bool
) -> Any:
    def run(net: Net, xs: Any, state: Any) -> Any:
        options = record, chunk, COMPILED_ROOM, checkpoint
        outputs, state, *rest = _executor(net).run(xs, state, *options)
        # A list, because the keys of a pytree's dict must sort and a caller's may not.
        return outputs, state, [rest[0][key] for key in record] if rest else []

    return left_to_xla(run, net.schedule, True, net, xs, state)


_step, _run = Compiled(_call_step, _look), Compiled(_call_run, _look)


def cast(module: Any, dtype: str) -> Any:
    """Every floating leaf of a module in one dtype."""

    def convert(leaf: Any) -> Any:
        return leaf.astype(dtype) if eqx.is_inexact_array(leaf) else leaf

    return jax.tree.map(convert, module)
