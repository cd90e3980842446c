"""`LibraryNeuron`: a library's own neuron as a module that a network of nirx can run."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from nirx.bridging.membrane import numbers
from nirx.bridging.neuron import BridgedNeuron
from nirx.dynamics.discretization import Discretization
from nirx_torch.module_map import MODULE_MAP

__all__ = ["LibraryNeuron", "numbers", "tensor"]

State = tuple[torch.Tensor, ...]


class LibraryNeuron(BridgedNeuron, torch.nn.Module):
    """A `BridgedNeuron` whose step is that of a torch module.

    Arguments:
        cell: the library's module.
        node: the NIR node that it stands for, kept for the way back.
        rule: the node's discretization.
        gain, offset: applied to the input.
        start: initial values of the library's state variables.
        shift, scale: of the membrane potential.
    """

    def __init__(
        self,
        cell: torch.nn.Module,
        node: Any,
        rule: Discretization,
        gain: Any,
        start: Sequence[Any],
        offset: Any = 0.0,
        shift: Any = 0.0,
        scale: Any = 1.0,
    ):
        super().__init__()
        self.cell = cell
        self.node, self.rule = copy.deepcopy(node), rule
        self.register_buffer("gain", tensor(gain))
        self.register_buffer("offset", tensor(offset))
        self.register_buffer("shift", tensor(shift))
        self.register_buffer("scale", tensor(scale))
        self.scales_input = bool(np.any(numbers(gain) != 1))
        self.shifts_input = bool(np.any(numbers(offset) != 0))
        moved = np.any(numbers(scale) != 1) or np.any(numbers(shift) != 0)
        self.moves_output = bool(moved) and not self.spiking
        self.variables = len(start)
        for k, value in enumerate(start):
            self.register_buffer(f"start_{k}", tensor(value))
        self.built = [t.detach().clone() for t in self._held()]

    def forward(self, x: torch.Tensor, state: State | None = None) -> tuple[torch.Tensor, State]:
        """One step: x is [*batch, *features]; None as state starts fresh."""
        if state is None:
            names = [f"start_{k}" for k in range(self.variables)]
            start = [getattr(self, name).to(x.dtype) for name in names]
            state = tuple(s.expand(x.shape).clone() for s in start)
        current = x * self.gain if self.scales_input else x
        current = current + self.offset if self.shifts_input else current
        y, new = self.advance(current, state)
        y = y.to(x.dtype)
        return y * self.scale + self.shift if self.moves_output else y, new

    def is_unchanged(self) -> bool:
        pairs = zip(self.built, self._held(), strict=True)
        return all(torch.equal(a.to(b.device, b.dtype), b) for a, b in pairs)

    def library_parameter(self, name: str) -> Any:
        return getattr(self.cell, name, None)

    def _held(self) -> list[torch.Tensor]:
        return [*self.parameters(), *self.buffers()]


def tensor(value: Any, dtype: str = "float64") -> torch.Tensor:
    """A constant; the network casts it."""
    return torch.from_numpy(np.array(value, dtype))


MODULE_MAP.register(LibraryNeuron, LibraryNeuron.to_node)
