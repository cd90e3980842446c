"""`BridgedNeuron`: what the `LibraryNeuron` of PyTorch and that of JAX share."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from nirx.bridging.membrane import Membrane, Synapse, fed, neuron_node, numbers
from nirx.bridging.threshold import threshold_from
from nirx.dynamics.discretization import Discretization

__all__ = ["BridgedNeuron"]


class BridgedNeuron:
    """(x, state) -> (y, state), where a library's neuron does the step.

    The library's neuron has its own coordinates: its input is gain*x + offset, and its membrane
    potential u = (v - shift)/scale. A subclass says how one step of its library is called
    (`advance`) and which numbers the library's neuron holds (`membrane`, `synapse`).
    """

    node: Any  # the NIR node that it stands for
    rule: Discretization
    gain: Any
    offset: Any
    shift: Any
    scale: Any

    ties: ClassVar[str] = ""
    """What the library does at the threshold, `"gt"` or `"ge"`, where `threshold_for` was used."""

    membrane_at: ClassVar[int] = 0
    """Position of u among the state variables."""

    def advance(self, x: Any, state: Any) -> tuple[Any, Any]:
        """One step of the library's neuron.

        Arguments:
            x: its input, [*batch, *features].
            state: its state variables, of the same shape.

        Returns: spikes, or u where the node does not spike, and the new state.
        """
        raise NotImplementedError

    def membrane(self) -> Membrane:
        """The present numbers of the library's neuron, in its own coordinates."""
        raise NotImplementedError

    def synapse(self) -> Synapse | None:
        """The same for its synapse, if it has one."""
        return None

    def is_unchanged(self) -> bool:
        """Whether the library's neuron still holds the numbers that it was built with."""
        raise NotImplementedError

    def state_variables(self, state: Any) -> dict[str, Any]:
        """The variables of the NIR node that can be recorded: v, from the library's state."""
        return {"v": state[self.membrane_at] * self.scale + self.shift}

    @property
    def spiking(self) -> bool:
        """Whether the output is spikes; else it is the membrane potential."""
        return hasattr(self.node, "v_threshold")

    def to_node(self) -> Any:
        """The NIR node: the one it was built from, unless the numbers have changed since."""
        if self.is_unchanged():
            return copy.deepcopy(self.node)
        given = numbers(self.gain), numbers(self.offset)
        own, synapse = fed(self.membrane(), self.synapse(), *given)
        if self.ties and self.rule.spikes == "single":  # counts define ties
            run = own.threshold.astype(_numpy_dtype(self.gain))
            own = replace(own, threshold=threshold_from(run, self.rule, self.ties))
        own = own.scaled(1 / numbers(self.scale)).shifted(-numbers(self.shift))
        return neuron_node(own, self.rule, self.spiking, synapse)


def _numpy_dtype(value: Any) -> np.dtype:
    """NumPy's dtype of a floating array or tensor; bfloat16, which it lacks, counts as float32."""
    kind = str(value.dtype).removeprefix("torch.")
    return np.dtype("float32" if kind == "bfloat16" else kind)
