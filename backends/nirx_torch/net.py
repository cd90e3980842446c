"""`Net`: a NIR graph as a `torch.nn.Module`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from nirx.dynamics.ops import Array
from nirx.execution.assemble import Assembly
from nirx.execution.chunking import NODE_ROOM, require_checkpoint
from nirx.execution.describe import ShownNetwork, network_text
from nirx.execution.execute import Executor
from nirx.execution.kernels.plan import Execution, Plan, make_plan
from nirx.execution.node_surrogates import NodeSurrogates
from nirx.execution.numpy_backend import separate
from nirx.execution.runners import ForeignRunner, NativeRunner, Runner
from nirx.graphs.schedule import Schedule, ScheduledNode
from nirx_torch.fused import HOST, TorchFusedRunner, TorchProductRunner
from nirx_torch.fused_loop import TorchLoops
from nirx_torch.hidden_state import CallGuard
from nirx_torch.hosted import hosted_executor, is_lendable, to_tensors
from nirx_torch.kernel_op import CompiledRunner, Layer, compiled_layers
from nirx_torch.names import child_names
from nirx_torch.native import NativeNode
from nirx_torch.ops import TorchOps
from nirx_torch.reproducible import ReproducibleTorchOps
from nirx_torch.sharded import require_whole

__all__ = ["AS_HELD", "HoldingNet", "Net", "Subgraph", "is_port"]


class Subgraph(torch.nn.Module):
    """Holds the modules of a nested graph, so that parameter names follow the paths."""


class Net(ShownNetwork, torch.nn.Module):
    """A network on torch. Build it with `nirx_torch.from_nir`.

    The children follow the graph: node `("lif1", "lif")` is `net.lif1.lif`, its parameters
    carry NIR's names (`net.lif1.lif.tau`). `modules_by_path` gives the child of every path.
    """

    _layers: tuple[Plan, list[Layer | None]] | None = None
    """The plan in the present dtype, and its layers under a compiler."""

    def __init__(
        self,
        assembly: Assembly,
        modules: list[torch.nn.Module],
        dtype: torch.dtype,
        surrogates: NodeSurrogates,
        detach_reset: bool,
        reproducible: bool,
        any_dtype: bool = False,
    ):
        super().__init__()
        self.schedule: Schedule = assembly.schedule
        self.origin = assembly.origin
        self.returns = assembly.returns  # read once, not in every step
        self.any_dtype = any_dtype
        self.surrogates = surrogates
        self.detach_reset = detach_reset
        self.reproducible = reproducible
        # Follows .to(), .double() and .cuda(), also in a network without parameters.
        self.register_buffer("_anchor", torch.zeros(0, dtype=dtype), persistent=False)
        self._in_order = list(modules)  # a plain list: registered once only, as children below
        self._calls = _calls(self.schedule, modules)
        _adopt(self, [node.path for node in self.schedule.nodes], modules)
        self._execution: Execution = "auto"
        self._find_layers()

    @property
    def execution(self) -> Execution:
        """Whether kernels run; see `nirx.from_nir`."""
        return self._execution

    @execution.setter
    def execution(self, execution: Execution) -> None:
        self._execution = execution
        self._find_layers()

    def _find_layers(self) -> None:
        # Before a compiler traces a run: it can look neither into plans nor into kernels.
        plan = self.plan
        if self._layers is None or plan is not self._layers[0]:
            self._layers = plan, compiled_layers(self.schedule, plan, self.surrogates)

    def _apply(self, fn: Any, recurse: bool = True) -> Any:  # another dtype or device
        result = super()._apply(fn, recurse)
        self._find_layers()
        return result

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state)
        self._layers = None  # those of another process
        self._find_layers()

    def forward(self, x: Any, state: Any = None) -> tuple[Any, dict[str, Any]]:
        """Run one time step; see `nirx.Network`."""
        return self._executor().step(x, state)

    def run(
        self,
        xs: Any,
        state: Any = None,
        record: Any = None,
        chunk: int | None = None,
        checkpoint: bool = False,
    ) -> Any:
        """Run many time steps; see `nirx.Network`."""
        hosted = self._hosted(xs, state)
        checkpoint = require_checkpoint(checkpoint) and torch.is_grad_enabled()
        if hosted is None:
            return self._executor().run(xs, state, record, chunk, NODE_ROOM, checkpoint)
        with np.errstate(all="ignore"):  # NaN and infinity propagate by design
            ys, last, *recordings = hosted.run(xs, state, record, chunk, NODE_ROOM)
            return tuple(map(to_tensors, (ys, separate(last), *recordings)))

    def init_state(self, batch_shape: Any = ()) -> dict[str, Any]:
        """The state before the first step; see `nirx.Network`."""
        return self._executor().init_state(batch_shape)

    @property
    def modules_by_path(self) -> dict[str, torch.nn.Module]:
        """The child module of every node's path."""
        return {n.name: m for n, m in zip(self.schedule.nodes, self._in_order, strict=True)}

    @property
    def modules_in_order(self) -> list[torch.nn.Module]:
        """The module of every position of the schedule; nodes may share one."""
        return list(self._in_order)

    @property
    def dtype(self) -> torch.dtype:
        """Of the network's arithmetic and parameters."""
        anchor = self._anchor
        assert isinstance(anchor, torch.Tensor)
        return anchor.dtype

    @property
    def plan(self) -> Plan:
        """Which nodes run in fused kernels, in the present dtype."""
        dtype = str(self.dtype).rpartition(".")[2]
        on_cpu = self._anchor.device.type == "cpu"  # type: ignore[union-attr]
        execution = self.execution if on_cpu else "plain"
        return make_plan(self.schedule, execution, dtype, self.reproducible, self.detach_reset)

    def __repr__(self) -> str:
        return network_text("torch", self.schedule, self.dtype, self.reproducible)

    def _hosted(self, xs: Any, state: Any) -> Executor | None:
        """The executor of runs without gradients on the CPU, where one can be used."""
        if torch.compiler.is_compiling() or torch.is_grad_enabled() or self.execution == "plain":
            return None
        plan = self.plan
        if not plan.has_kernels or any(call is not None for call in self._calls):
            return None
        if not (is_lendable(xs) and is_lendable(state)):
            return None
        anchor = self._anchor
        assert isinstance(anchor, torch.Tensor)
        ops = TorchOps(anchor.dtype, anchor.device, self.surrogates.usual, self.detach_reset)
        modules = self.modules_by_path
        own = [_arrays(name, m) for name, m in modules.items() if isinstance(m, NativeNode)]
        return hosted_executor(self, self.schedule, own, plan, ops, self.reproducible, self.returns)

    def _executor(self, goes_on: bool = False) -> Executor:
        anchor = self._anchor
        assert isinstance(anchor, torch.Tensor)
        kind = ReproducibleTorchOps if self.reproducible else TorchOps
        ops = kind(anchor.dtype, anchor.device, self.surrogates.usual, self.detach_reset)
        ops.any_dtype = self.any_dtype
        plan = None if torch.compiler.is_compiling() else self.plan
        ops.gathers = plan is not None and plan.gathers
        assert self._layers is not None
        planned, layers = self._layers
        runners: list[Runner] = []
        for position, (node, module, call) in enumerate(
            zip(self.schedule.nodes, self._in_order, self._calls, strict=True)
        ):
            if call is not None:
                runners.append(ModuleRunner(node, call, goes_on))
                continue
            assert isinstance(module, NativeNode)
            assert node.dynamics is not None, "a native node always has dynamics"
            own, surrogate = (
                (node.dynamics, _arrays(node.name, module)),
                self.surrogates.at(position),
            )
            layer = layers[position]
            how = "plain" if plan is None else plan.choices[position].how
            # In a component too large for one kernel, a neuron's steps still run in its own.
            in_loop = how == "loop" and node.dynamics.neuron
            if plan is not None and (how == "fused" or in_loop):
                runners.append(TorchFusedRunner(*own, plan, surrogate))
            elif how == "gathered":
                runners.append(TorchProductRunner(*own, HOST))
            elif plan is None and layer is not None:
                runners.append(CompiledRunner(*own, layer, planned))
            else:
                runners.append(NativeRunner(*own, surrogate))
        loops = (
            None if plan is None else TorchLoops(self.schedule, plan, ops, HOST, self.surrogates)
        )
        return Executor(self.schedule, ops, runners, self.returns, loops)


AS_HELD: Any = type("AsHeld", (), {"__repr__": lambda self: "<as the modules hold it>"})()
"""The state of a step that is called without one."""


class HoldingNet(Net):
    """A network with users' modules that may keep state in themselves.

    `net(x, state)` and `net(x, None)` depend on nothing else, as in every network. `net(x)`
    lets such modules go on from what they hold, as they do outside nirx, until their library
    resets them; all other nodes start afresh. `net.run` always starts afresh without a state.
    """

    def forward(self, x: Any, state: Any = AS_HELD) -> tuple[Any, dict[str, Any]]:
        """Run one time step; see `nirx.Network`."""
        if state is AS_HELD:
            return self._executor(goes_on=True).step(x, None)
        return self._executor().step(x, state)


def _calls(schedule: Schedule, modules: list[torch.nn.Module]) -> list[CallGuard | None]:
    """The guards through which users' modules are called; None for nirx's own."""
    pairs = zip(schedule.nodes, modules, strict=True)
    return [None if isinstance(m, NativeNode) else CallGuard(n.name, m) for n, m in pairs]


def _arrays(name: str, module: NativeNode) -> Mapping[str, torch.Tensor]:
    arrays = module.arrays()
    require_whole(name, arrays)
    return arrays


class ModuleRunner(ForeignRunner):
    """A node that a user's module runs, wherever that keeps its state."""

    def __init__(self, node: ScheduledNode, call: CallGuard, goes_on: bool):
        super().__init__(node.name, call.module, call, node.output_shape, call.module.forward)
        self.has_memory = call.has_memory
        self.goes_on = goes_on

    def step(self, ops: Any, c: Any, x: Array, state: Any) -> tuple[Array, Any]:
        y, state = super().step(ops, c, x, state)
        autocast = torch.is_autocast_enabled(y.device.type) and y.is_floating_point()
        return (ops.cast(y) if autocast and not ops.any_dtype else y), state

    def called(self, x: Any, state: Any) -> Any:
        return self.call(x, state, self.goes_on)


def _adopt(
    net: torch.nn.Module, paths: list[tuple[str, ...]], modules: list[torch.nn.Module]
) -> None:
    """Register every module as a child, subgraph by subgraph."""
    leaves = {p: m for p, m in zip(paths, modules, strict=True) if not is_port(m)}
    below: dict[tuple[str, ...], set[str]] = {}
    for path in paths:
        if path not in leaves:
            continue
        for length in range(len(path)):
            below.setdefault(path[:length], set()).add(path[length])
    parents: dict[tuple[str, ...], torch.nn.Module] = {(): net}
    for path in sorted(below, key=len):
        parent = parents[path]
        children = child_names(below[path], dir(parent))
        for name, child in sorted(children.items()):
            own = (*path, name)
            module = leaves[own] if own in leaves else Subgraph()
            parents[own] = module
            parent.add_module(child, module)


def is_port(module: torch.nn.Module) -> bool:
    """Inputs and Outputs hold no parameters, so they are not registered as children."""
    return isinstance(module, NativeNode) and module.type_name in ("Input", "Output")
