"""`LibraryNeuron`: a library's own neuron as a module that a network of nirx can run."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from nirx.bridging.membrane import numbers
from nirx.bridging.neuron import BridgedNeuron
from nirx.dynamics.discretization import Discretization
from nirx.graphs.origin import Origin
from nirx_jax.module_map import MODULE_MAP

__all__ = ["LibraryNeuron", "numbers"]

State = tuple[jax.Array, ...]


class Built:
    """The numbers that a neuron was built with. Like `Origin`, two are equal if their shapes are,
    so that neurons which differ only in their numbers share one compilation."""

    def __init__(self, arrays: Sequence[np.ndarray]):
        self.arrays = tuple(arrays)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Built) and self._shapes() == other._shapes()

    def __hash__(self) -> int:
        return hash(self._shapes())

    def _shapes(self) -> Any:
        return tuple(array.shape for array in self.arrays)


class Constants:
    """The bridge's own float64 numbers by name. They are no leaves, so that no optimizer and no
    weight decay changes them; two are equal if their numbers are."""

    def __init__(self, values: Mapping[str, Any]):
        self.values = {name: numbers(value) for name, value in sorted(values.items())}
        self._content = tuple((n, a.shape, a.tobytes()) for n, a in self.values.items())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constants) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)


class LibraryNeuron(BridgedNeuron, eqx.Module):
    """A `BridgedNeuron` whose step is that of a JAX library.

    The library's object is made from `arrays` whenever a step is traced, so that all its
    parameters are leaves here, whatever they are there. Nothing else is a leaf.

    Arguments:
        node: the NIR node that it stands for, kept for the way back.
        rule: the node's discretization.
        arrays: the parameters of the library's neuron, by its names.
        start: initial values of the library's state variables.
        gain, offset: applied to the input.
        kind: which of the library's neurons it is.
        constants: further numbers of the bridge's own, by name.
    """

    arrays: dict[str, jax.Array]
    constants: Constants = eqx.field(static=True)
    kind: str = eqx.field(static=True)
    origin: Origin = eqx.field(static=True)
    rule: Discretization = eqx.field(static=True)
    built: Built = eqx.field(static=True)

    shift = 0.0
    scale = 1.0

    def __init__(
        self,
        node: Any,
        rule: Discretization,
        arrays: Mapping[str, Any],
        start: Sequence[Any],
        gain: Any = 1.0,
        offset: Any = 0.0,
        kind: str = "",
        **constants: Any,
    ):
        self.origin, self.rule, self.kind = Origin(copy.deepcopy(node)), rule, kind
        self.arrays = {name: _leaf(value) for name, value in sorted(arrays.items())}
        self.built = Built([numbers(value) for _, value in sorted(arrays.items())])
        starts = {f"start_{k}": value for k, value in enumerate(start)}
        self.constants = Constants({**constants, **starts, "gain": gain, "offset": offset})

    @property
    def node(self) -> Any:
        return self.origin.node

    @property
    def gain(self) -> np.ndarray:
        return self.constants.values["gain"]

    @property
    def offset(self) -> np.ndarray:
        return self.constants.values["offset"]

    @property
    def start(self) -> tuple[np.ndarray, ...]:
        """Initial values of the library's state variables."""
        values = self.constants.values
        return tuple(values[name] for name in values if name.startswith("start_"))

    @property
    def dtype_of_run(self) -> Any:
        return next(iter(self.arrays.values())).dtype

    def constant(self, name: str) -> jax.Array:
        """One of the bridge's own numbers in the dtype of the run."""
        return jnp.asarray(self.constants.values[name], self.dtype_of_run)

    def library_parameter(self, name: str) -> Any:
        return self.arrays.get(name)

    def __call__(self, x: Any, state: State | None = None) -> tuple[jax.Array, State]:
        """One step: x is [*batch, *features]; None as state starts fresh."""
        if state is None:
            start = (jnp.asarray(value, x.dtype) for value in self.start)
            state = tuple(jnp.broadcast_to(s, x.shape) for s in start)
        y, new = self.advance(self.constant("gain") * x + self.constant("offset"), state)
        return y.astype(x.dtype), tuple(variable.astype(x.dtype) for variable in new)

    def is_unchanged(self) -> bool:
        now = [np.asarray(a) for a in self.arrays.values()]
        pairs = zip(self.built.arrays, now, strict=True)
        return all(np.array_equal(a.astype(b.dtype), b, equal_nan=True) for a, b in pairs)


def _leaf(value: Any) -> jax.Array:
    """A constant in JAX's widest dtype; the network casts it."""
    return jnp.asarray(np.array(value, np.float64))


MODULE_MAP.register(LibraryNeuron, LibraryNeuron.to_node)
