"""`LibraryNeuron`: a library's own neuron as a module that a network of nirx can run."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch

from nirx.bridging.membrane import Membrane, Synapse, fed, neuron_node, numbers
from nirx.bridging.threshold import threshold_from
from nirx.dynamics.discretization import Discretization

__all__ = ["LibraryNeuron", "numbers"]

State = tuple[torch.Tensor, ...]


class LibraryNeuron(torch.nn.Module):
    """(x, state) -> (y, state), where a library's module does the step.

    The library's neuron has coordinates of its own: its input is gain*x + offset, and its
    membrane u = (v - shift)/scale. A subclass says how one step of its library is called
    (`advance`) and which numbers its module holds (`membrane`, `synapse`).

    Arguments:
        cell: the library's module.
        node: the NIR node it stands for, kept for the way back.
        rule: the node's discretization.
        gain, offset: of the input.
        start: what the library's state variables are before the first step.
        shift, scale: of the membrane.
    """

    gain: torch.Tensor
    offset: torch.Tensor
    shift: torch.Tensor
    scale: torch.Tensor

    ties: ClassVar[str] = ""
    """What the library does at the threshold, `"gt"` or `"ge"`, where `threshold_for` was used."""

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
        self.spiking = hasattr(node, "v_threshold")
        moved = np.any(numbers(scale) != 1) or np.any(numbers(shift) != 0)
        self.moves_output = bool(moved) and not self.spiking
        self.variables = len(start)
        for k, value in enumerate(start):
            self.register_buffer(f"start_{k}", tensor(value))
        self.built = [t.detach().clone() for t in self._held()]

    def advance(self, x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """One step of the library's module.

        Arguments:
            x: its input, [*batch, *features].
            state: its state variables, of the same shape.

        Returns: spikes, or u where the node does not spike, and the new state.
        """
        raise NotImplementedError

    def membrane(self) -> Membrane:
        """The numbers of the library's module now, in its own coordinates."""
        raise NotImplementedError

    def synapse(self) -> Synapse | None:
        """The same of its synapse, if it has one."""
        return None

    def forward(self, x: torch.Tensor, state: State | None = None) -> tuple[torch.Tensor, State]:
        """One step: x is [*batch, *features]; None starts fresh."""
        if state is None:
            names = [f"start_{k}" for k in range(self.variables)]
            start = [getattr(self, name).to(x.dtype) for name in names]
            state = tuple(s.expand(x.shape).clone() for s in start)
        current = x * self.gain if self.scales_input else x
        current = current + self.offset if self.shifts_input else current
        y, state = self.advance(current, state)
        y = y.to(x.dtype)
        return y * self.scale + self.shift if self.moves_output else y, state

    def to_node(self) -> Any:
        """The NIR node: the one it was built from, unless the library's numbers changed since."""
        now = self._held()
        pairs = zip(self.built, now, strict=True)
        if all(torch.equal(a.to(b.device, b.dtype), b) for a, b in pairs):
            return copy.deepcopy(self.node)
        given = numbers(self.gain), numbers(self.offset)
        own, synapse = fed(self.membrane(), self.synapse(), *given)
        if self.ties and self.rule.spikes == "single":  # a count says itself what a tie is
            run = own.threshold.astype(numpy_dtype(self.gain))
            own = replace(own, threshold=threshold_from(run, self.rule, self.ties))
        own = own.scaled(1 / numbers(self.scale)).shifted(-numbers(self.shift))
        return neuron_node(own, self.rule, self.spiking, synapse)

    def _held(self) -> list[torch.Tensor]:
        return [*self.parameters(), *self.buffers()]


def tensor(value: Any) -> torch.Tensor:
    """A constant in float64; the network casts it."""
    return torch.from_numpy(np.array(value, np.float64))


def numpy_dtype(value: Any) -> np.dtype:
    """NumPy's dtype of a floating tensor; bfloat16, which it lacks, counts as float32."""
    kind = str(value.dtype).removeprefix("torch.")
    return np.dtype("float32" if kind == "bfloat16" else kind)
