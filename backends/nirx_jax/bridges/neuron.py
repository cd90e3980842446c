"""`LibraryNeuron`: a library's own neuron as a module that a network of nirx can run."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import nir
import numpy as np

from nirx.bridging.limits import require_values
from nirx.bridging.membrane import Membrane, Synapse, fed, membrane_of, neuron_node, numbers
from nirx.dynamics.discretization import Discretization
from nirx.graphs.origin import Origin

__all__ = ["LibraryNeuron", "numbers", "require_start", "same_step"]

State = tuple[jax.Array, ...]


class Built:
    """The numbers that a neuron was built with. Like `Origin`, two are equal if their forms are,
    so that neurons which differ in their numbers alone share one compilation."""

    def __init__(self, arrays: Sequence[np.ndarray]):
        self.arrays = tuple(arrays)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Built) and self._form() == other._form()

    def __hash__(self) -> int:
        return hash(self._form())

    def _form(self) -> Any:
        return tuple(array.shape for array in self.arrays)


class LibraryNeuron(eqx.Module):
    """(x, state) -> (y, state), where a library's neuron does the step.

    Its input is gain*x + offset; its membrane is NIR's own v. The library's object is made
    from `arrays` where a step is traced: so what the library calls parameters are leaves here,
    whatever they are there. A subclass says how (`advance`), and what they mean (`membrane`,
    `synapse`).

    Arguments:
        node: the NIR node it stands for, kept for the way back.
        rule: the node's discretization.
        arrays: the parameters of the library's neuron, by its names.
        start: what the library's state variables are before the first step.
        gain, offset: of the input.
        kind: of the library's neurons, the one it is.
    """

    arrays: dict[str, jax.Array]
    start: State
    gain: jax.Array
    offset: jax.Array
    kind: str = eqx.field(static=True)
    origin: Origin = eqx.field(static=True)
    rule: Discretization = eqx.field(static=True)
    built: Built = eqx.field(static=True)

    def __init__(
        self,
        node: Any,
        rule: Discretization,
        arrays: Mapping[str, Any],
        start: Sequence[Any],
        gain: Any = 1.0,
        offset: Any = 0.0,
        kind: str = "",
    ):
        self.origin, self.rule, self.kind = Origin(copy.deepcopy(node)), rule, kind
        self.arrays = {name: _leaf(value) for name, value in sorted(arrays.items())}
        self.start = tuple(map(_leaf, start))
        self.gain, self.offset = _leaf(gain), _leaf(offset)
        given = [*(value for _, value in sorted(arrays.items())), *start, gain, offset]
        self.built = Built([np.array(value, np.float64) for value in given])

    @property
    def spiking(self) -> bool:
        """Whether it puts out spikes; else its membrane is read."""
        return hasattr(self.origin.node, "v_threshold")

    def advance(self, x: jax.Array, state: State) -> tuple[jax.Array, State]:
        """One step of the library's neuron.

        Arguments:
            x: its input, [*batch, *features].
            state: its state variables, of the same shape.

        Returns: spikes, or v where the node does not spike, and the new state.
        """
        raise NotImplementedError

    def membrane(self) -> Membrane:
        """The numbers of the library's neuron now."""
        raise NotImplementedError

    def synapse(self) -> Synapse | None:
        """The same of its synapse, if it has one."""
        return None

    def __call__(self, x: Any, state: State | None = None) -> tuple[jax.Array, State]:
        """One step: x is [*batch, *features]; None starts fresh."""
        if state is None:
            start = (s.astype(x.dtype) for s in jax.lax.stop_gradient(self.start))
            state = tuple(jnp.broadcast_to(s, x.shape) for s in start)
        y, new = self.advance(self.gain * x + self.offset, state)
        return y.astype(x.dtype), tuple(variable.astype(x.dtype) for variable in new)

    def to_node(self) -> Any:
        """The NIR node: the one it was built from, unless the library's numbers changed since."""
        now = [np.asarray(a) for a in (*self.arrays.values(), *self.start, self.gain, self.offset)]
        pairs = zip(self.built.arrays, now, strict=True)
        if all(np.array_equal(a.astype(b.dtype), b, equal_nan=True) for a, b in pairs):
            return copy.deepcopy(self.origin.node)
        given = numbers(self.gain), numbers(self.offset)
        own, synapse = fed(self.membrane(), self.synapse(), *given)
        return neuron_node(own, self.rule, self.spiking, synapse)


def same_step(rule: Discretization, node: Any) -> Discretization:
    """The rule with a reset in the same step in the place of one at the next step's beginning.

    Nobody sees v between the two where the output is computed from the new v; the spikes are
    the same (see `require_start` for the one exception). What does not leak subtracts at the
    beginning of a step as at its end.
    """
    leaks = not isinstance(node, nir.IF) or rule.reset != "subtract"
    moot = rule.reset_when == "next-leaked" or (rule.reset_when == "next" and not leaks)
    return replace(rule, reset_when="same") if moot and rule.output == "new" else rule


def require_start(neuron: str, node: Any, rule: Discretization) -> None:
    """Refuse a membrane that starts above its threshold, where the time of the reset shows.

    A reset at the next step's beginning finds a spike in the start value, one in the step of
    the spike does not.
    """
    own = membrane_of(node, rule)
    text = "resets at another time, which shows where v starts above v_threshold"
    good = own.start < own.threshold
    require_values(neuron, node, "v_threshold", good, np.nextafter(own.start, np.inf), text)


def _leaf(value: Any) -> jax.Array:
    """A constant in JAX's widest dtype; the network casts it."""
    return jnp.asarray(np.array(value, np.float64))
