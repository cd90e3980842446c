"""`Dynamics`: how one node of one NIR type behaves, spelled out once for all backends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nirx.dynamics.discretization import Discretization
from nirx.dynamics.ops import Array, Ops, Shape

__all__ = [
    "Arrays",
    "Dynamics",
    "NodeMismatch",
    "Stateless",
    "broadcasts_to",
    "check_finite",
    "check_positive",
    "common_shape",
    "parameter",
    "require_broadcast",
]

Arrays = Mapping[str, Array]


class NodeMismatch(Exception):
    """A node cannot take what it is given; `nirx.check` turns it into a `Fault` with the path."""

    def __init__(self, found: str, expected: str = "", mend: str = ""):
        super().__init__(found)
        self.found, self.expected, self.mend = found, expected, mend


@dataclass(frozen=True)
class Dynamics:
    """The static side of a node: its type's equations, its shapes and its discretization.

    The class says what holds for the type (names of parameters, shape rule); an instance
    belongs to one node of one graph. Arrays (parameters, states) are always passed in.

    Arguments:
        rule: the node's own choices (`Discretization.at`).
        input_shape, output_shape: features, without batch and time.
    """

    rule: Discretization
    input_shape: Shape
    output_shape: Shape

    parameters: ClassVar[tuple[str, ...]] = ()
    """The trainable arrays of the NIR node, which backends hold natively."""
    positive: ClassVar[tuple[str, ...]] = ()
    """Parameters that must be above zero (time constants)."""
    neuron: ClassVar[bool] = False
    """Whether the feedback rule counts the type as a neuron."""
    uses_dt: ClassVar[bool] = True
    """Whether the discretization makes a difference."""
    exact_shape: ClassVar[bool] = False
    """Whether `declared_shapes` is what the input must be, not just what broadcasts to it."""
    spiking: ClassVar[bool] = False
    """Whether the output is spikes, which are equal or not, rather than values."""
    binary_output: ClassVar[bool] = False
    """Whether a spike is exactly 0 or 1 (unless the rule counts several); lets the
    reproducible mode take a shorter way, so it must be true where it is said."""

    @classmethod
    def check(cls, node: Any) -> None:
        """Raise `NodeMismatch` for parameters that are wrong whatever the input is."""

    @classmethod
    def declared_shapes(cls, node: Any) -> tuple[Shape | None, Shape | None]:
        """Input and output shape as far as the node alone tells; used where no Input reaches."""
        return None, None

    @classmethod
    def input_rank(cls, node: Any) -> int | None:
        """How many axes one sample has; None if the node alone does not tell."""
        shape, _ = cls.declared_shapes(node)
        return None if shape is None else len(shape)

    @classmethod
    def infer_shape(cls, node: Any, input_shape: Shape) -> Shape:
        """Output shape for an input shape. **Raises** `NodeMismatch`."""
        raise NotImplementedError

    @classmethod
    def build(
        cls, node: Any, rule: Discretization, input_shape: Shape, output_shape: Shape
    ) -> Dynamics:
        """The instance for a node that passed its checks."""
        return cls(rule, input_shape, output_shape)

    @classmethod
    def warnings(cls, node: Any, rule: Discretization) -> list[str]:
        """What is legal but probably not meant."""
        return []

    def state_shapes(self) -> dict[str, Shape]:
        """State variables and their shapes, without the batch axes."""
        return {}

    @property
    def whole_step_delay(self) -> bool:
        """Whether the output of a step never depends on the input of the same step."""
        return False

    def coefficients(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        """What `step` multiplies by, from the parameters; computed once per run."""
        return dict(p)

    def initial_state(self, ops: Ops, p: Arrays, batch: Shape) -> dict[str, Array]:
        """The state before the first step; leaves are [*batch, *shape]."""
        return {k: ops.zeros((*batch, *shape)) for k, shape in self.state_shapes().items()}

    def step(self, ops: Ops, c: Arrays, x: Array, s: Arrays) -> tuple[Array, dict[str, Array]]:
        """One step: x is [*batch, *features]; gives output and new state."""
        raise NotImplementedError

    def chunk(
        self, ops: Ops, c: Arrays, xs: Array, s: dict[str, Array], record: tuple[str, ...]
    ) -> tuple[Array, dict[str, Array], dict[str, Array]]:
        """Many steps: xs is [time, *batch, *features]; gives outputs, last state and recordings."""

        def step(state: dict[str, Array], x: list[Array]):
            y, state = self.step(ops, c, x[0], state)
            return state, [y, *(state[name] for name in record)]

        s, outs = ops.scan(step, s, [xs], xs.shape[0])
        return outs[0], s, dict(zip(record, outs[1:], strict=True))


class Stateless(Dynamics):
    """A node without memory: a whole chunk of time is just more batch."""

    uses_dt = False

    def apply(self, ops: Ops, c: Arrays, x: Array) -> Array:
        """x is [*lead, *features], with any number of leading axes."""
        raise NotImplementedError

    def step(self, ops: Ops, c: Arrays, x: Array, s: Arrays) -> tuple[Array, dict[str, Array]]:
        return self.apply(ops, c, x), {}

    def chunk(
        self, ops: Ops, c: Arrays, xs: Array, s: dict[str, Array], record: tuple[str, ...]
    ) -> tuple[Array, dict[str, Array], dict[str, Array]]:
        return self.apply(ops, c, xs), {}, {}


def parameter(node: Any, name: str) -> np.ndarray:
    """A node's parameter as a NumPy array. **Raises** `NodeMismatch` if it is not numeric."""
    value = getattr(node, name, None)
    if value is None:
        raise NodeMismatch(f"parameter {name} is missing", "an array of numbers")
    try:
        array = np.asarray(value)
    except Exception as error:  # whatever a foreign array type raises, the node is at fault
        raise NodeMismatch(f"parameter {name} is a {type(value).__name__}", "an array") from error
    if array.dtype.kind not in "fiub":
        raise NodeMismatch(f"parameter {name} has dtype {array.dtype}", "real numbers")
    return array


def require_broadcast(node: Any, names: tuple[str, ...], shape: Shape) -> None:
    """Raise `NodeMismatch` unless every named parameter broadcasts to exactly `shape`."""
    for name in names:
        own = parameter(node, name).shape
        if not broadcasts_to(own, shape):
            raise NodeMismatch(
                f"the input has shape {shape}, but {name} has shape {own}",
                f"{name} of shape {shape}, or one that broadcasts to it",
            )


def broadcasts_to(own: Shape, shape: Shape) -> bool:
    """Whether an array of shape `own` broadcasts to `shape` without enlarging it."""
    tail = shape[len(shape) - len(own) :]
    return len(own) <= len(shape) and all(a in (1, b) for a, b in zip(own, tail, strict=True))


def common_shape(node: Any, names: tuple[str, ...]) -> Shape | None:
    """The shape that parameters agree on, or None where they are all scalars."""
    try:
        shape = np.broadcast_shapes(*(parameter(node, name).shape for name in names))
    except ValueError as error:
        shapes = ", ".join(f"{name} {parameter(node, name).shape}" for name in names)
        raise NodeMismatch(f"the parameters' shapes do not fit together: {shapes}") from error
    return shape or None


def check_finite(node: Any, names: tuple[str, ...]) -> None:
    """Raise `NodeMismatch` for NaN or infinity in a parameter."""
    for name in names:
        array = parameter(node, name)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            bad = np.argwhere(~np.isfinite(array))[0]
            index = tuple(int(i) for i in bad)
            raise NodeMismatch(
                f"{name}{list(index) if index else ''} is {float(array[index])}", "finite numbers"
            )


def check_positive(node: Any, names: tuple[str, ...]) -> None:
    """Raise `NodeMismatch` for a parameter that is zero or below."""
    for name in names:
        array = parameter(node, name)
        if array.size and not (array > 0).all():
            raise NodeMismatch(f"{name} is {float(array.min())!r}", f"{name} > 0")
