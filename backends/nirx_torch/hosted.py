"""Runs without gradients on the CPU: nirx's NumPy operations on the tensors' own memory.

torch's threads wait actively after each operation and so keep the processors from the threads of
kernels. Only dense convolutions are torch's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

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


MOST_KEPT = 2**26
"""Bytes of the parameters of a network in fast mode that are kept: copies, and what is made of
them, take twice the memory again."""


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
    owner: torch.nn.Module,
    schedule: Schedule,
    parameters: list[Mapping[str, torch.Tensor]],
    plan: Plan,
    torch_ops: TorchOps,
    reproducible: bool,
    returns: Returns | None,
) -> Executor:
    """The executor of a network of which nirx runs every node.

    It is kept for the next run, with copies of the parameters: to compare them takes a tenth of the
    time of transposing them, or of cutting them into slices.

    Arguments:
        owner: the network; what is kept goes with it.
        parameters: of every node.
        torch_ops: for dense convolutions and for checks of what is passed in; in fast mode.
        returns: as for `Executor`.
    """
    arrays = [{name: memory(value) for name, value in own.items()} for own in parameters]
    kept = _KEPT.get(owner)
    if kept is not None and kept.plan is plan and all(map(_equal, kept.arrays, arrays)):
        return kept.executor
    kind = ReproducibleHostedOps if reproducible else HostedOps
    ops = kind(torch_ops, np.dtype(plan.mode[0]), plan.gathers)
    ops.has_kernels = plan.has_kernels
    size = sum(value.nbytes for own in arrays for value in own.values())
    if size > MOST_KEPT and not reproducible:
        return _executor(schedule, arrays, plan, ops, returns)
    copies = [{name: value.copy() for name, value in own.items()} for own in arrays]
    executor = _executor(schedule, copies, plan, ops, returns, constant=True)
    _KEPT[owner] = _Kept(plan, copies, executor)
    return executor


@dataclass(frozen=True)
class _Kept:
    plan: Plan
    arrays: list[dict[str, np.ndarray]]
    executor: Executor


_KEPT: WeakKeyDictionary[torch.nn.Module, _Kept] = WeakKeyDictionary()
"""Beside the networks, because it is neither copied nor pickled with them."""


def _equal(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> bool:
    """Whether the parameters of a node are the same, bit for bit."""
    return a.keys() == b.keys() and all(np.array_equal(_bits(a[k]), _bits(b[k])) for k in a)


def _bits(array: np.ndarray) -> np.ndarray:
    return array.view(f"u{array.itemsize}")


def _executor(
    schedule: Schedule,
    arrays: list[dict[str, np.ndarray]],
    plan: Plan,
    ops: HostedOps,
    returns: Returns | None,
    constant: bool = False,
) -> Executor:
    runners: list[Runner] = []
    for position, (place, own) in enumerate(zip(schedule.nodes, arrays, strict=True)):
        assert place.dynamics is not None, "nirx runs every node"
        runners.append(native_runner(plan, position, place.dynamics, own, _Host()))
    loops = Loops(schedule, plan, ops, _Host())
    return Executor(schedule, ops, runners, returns, loops, constant)
