"""`BridgedNeuron`: what the `LibraryNeuron` of PyTorch and that of JAX share."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from nirx.bridging.membrane import Membrane, Synapse, fed, neuron_node, numbers
from nirx.bridging.ranges import Range, outside, under
from nirx.bridging.threshold import threshold_from
from nirx.dynamics.discretization import Discretization
from nirx.errors import UnsupportedError

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

    ranges: ClassVar[tuple[Range, ...]] = ()
    """The ranges of the library's parameters in which they have a NIR node."""

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

    def library_parameter(self, name: str) -> Any:
        """The present value of a parameter by the library's name, or None."""
        raise NotImplementedError

    @property
    def dtype_of_run(self) -> Any:
        """The dtype that the library's parameters have."""
        return self.gain.dtype

    @property
    def legal_ranges(self) -> dict[str, Range]:
        """The range that each trainable parameter has to stay in, by the library's names.

        Outside, `to_nir` refuses the neuron: NIR has no numbers for it.
        """
        held = [own for own in self.ranges if self.library_parameter(own.name) is not None]
        return {own.name: under(self.rule, own) for own in held}

    def state_variables(self, state: Any) -> dict[str, Any]:
        """The variables of the NIR node that can be recorded: v, from the library's state."""
        return {"v": state[self.membrane_at] * self.scale + self.shift}

    @property
    def spiking(self) -> bool:
        """Whether the output is spikes; else it is the membrane potential."""
        return hasattr(self.node, "v_threshold")

    def to_node(self) -> Any:
        """The NIR node: the one it was built from, unless the numbers have changed since.

        **Raises**: `UnsupportedError` for numbers that NIR cannot express, with the legal range.
        """
        if self.is_unchanged():
            return copy.deepcopy(self.node)
        given = numbers(self.gain), numbers(self.offset)
        own, synapse = fed(self.membrane(), self.synapse(), *given)
        if self.ties and self.rule.spikes == "single":  # counts define ties
            run = own.threshold.astype(_numpy_dtype(self.dtype_of_run))
            own = replace(own, threshold=threshold_from(run, self.rule, self.ties))
        own = own.scaled(1 / numbers(self.scale)).shifted(-numbers(self.shift))
        try:
            return neuron_node(own, self.rule, self.spiking, synapse)
        except UnsupportedError as error:
            legal = self.legal_ranges
            values = {name: numbers(self.library_parameter(name)) for name in legal}
            said = outside(legal.values(), values)
            if not said:
                raise
            raise UnsupportedError(
                f"{said}; clip it after every step of the optimizer, or train a number whose "
                "sigmoid or softplus it is"
            ) from error


def _numpy_dtype(dtype: Any) -> np.dtype:
    """NumPy's dtype of another library's; bfloat16, which it lacks, counts as float32."""
    kind = str(dtype).removeprefix("torch.")
    return np.dtype("float32" if kind == "bfloat16" else kind)
