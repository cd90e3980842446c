"""Runs without gradients on the CPU: nirx's NumPy operations on the tensors' own memory.

torch's threads wait actively after each operation and so keep the processors from the threads of
kernels. Only dense convolutions are torch's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from nirx.dynamics.ops import Array, ConvGeometry
from nirx.execution.execute import Executor
from nirx.execution.kernels.loop_run import Loops
from nirx.execution.kernels.plan import Plan
from nirx.execution.numpy_backend import NumpyHost, native_runner
from nirx.execution.numpy_ops import NumpyOps
from nirx.execution.numpy_reproducible import ReproducibleNumpyOps
from nirx.execution.runners import Runner
from nirx.graphs.returns import Returns
from nirx.graphs.schedule import Schedule
from nirx.graphs.state import map_tree
from nirx_torch.lending import lent, memory
from nirx_torch.ops import TorchOps

__all__ = ["hosted_executor", "is_lendable", "to_tensors"]


class HostedOps(NumpyOps):
    """NumPy's operations on arrays that are tensors' memory."""

    rare_taps = TorchOps.rare_taps

    def __init__(self, torch_ops: TorchOps, dtype: np.dtype, gathers: bool):
        super().__init__(dtype, gathers)
        self.torch_ops = torch_ops

    def accept(self, value: Any, where: str) -> np.ndarray:
        return self.torch_ops.accept(value, where).numpy()

    def slide(self, x: Array, weight: Array, geometry: ConvGeometry) -> Array:
        return self.torch_ops.slide(_tensor(x), _tensor(weight), geometry).numpy()


class ReproducibleHostedOps(ReproducibleNumpyOps, HostedOps):
    """The same in reproducible mode."""

    def __init__(self, torch_ops: TorchOps, dtype: np.dtype, gathers: bool):
        HostedOps.__init__(self, torch_ops, dtype, gathers)
        self._set_dtype(dtype.name)


class _Host(NumpyHost):
    def stands_for(self, ops: Any) -> bool:
        return type(ops) in (HostedOps, ReproducibleHostedOps)


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.require(array, requirements=["W"]))


def is_lendable(tree: Any) -> bool:
    """Whether all leaves of an input or a state can be read as NumPy arrays."""
    if isinstance(tree, Mapping):
        return all(map(is_lendable, tree.values()))
    return not isinstance(tree, torch.Tensor) or lent(tree) is not None


def to_tensors(tree: Any) -> Any:
    """Arrays of a result as tensors."""
    return map_tree(lambda a: torch.from_numpy(a) if isinstance(a, np.ndarray) else a, tree)


def hosted_executor(
    schedule: Schedule,
    parameters: list[Mapping[str, torch.Tensor]],
    plan: Plan,
    torch_ops: TorchOps,
    reproducible: bool,
    returns: Returns | None,
) -> Executor:
    """The executor of a network of which nirx runs every node.

    Arguments:
        parameters: of every node.
        torch_ops: for dense convolutions and for checks of what is passed in; in fast mode.
        returns: as for `Executor`.
    """
    kind = ReproducibleHostedOps if reproducible else HostedOps
    ops = kind(torch_ops, np.dtype(plan.mode[0]), plan.gathers)
    runners: list[Runner] = []
    for position, (place, own) in enumerate(zip(schedule.nodes, parameters, strict=True)):
        assert place.dynamics is not None, "nirx runs every node"
        arrays = {name: memory(value) for name, value in own.items()}
        runners.append(native_runner(plan, position, place.dynamics, arrays, _Host()))
    return Executor(schedule, ops, runners, returns, Loops(schedule, plan, ops, _Host()))
