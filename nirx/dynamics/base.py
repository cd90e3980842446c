"""`Dynamics`: how a node of one NIR type behaves, written once for all backends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from nirx.dynamics.discretization import Discretization
from nirx.dynamics.ops import Array, Ops, Shape
from nirx.dynamics.parameters import NodeMismatch, broadcasts_to, common_shape, parameter

__all__ = ["Arrays", "Dynamics", "Elementwise", "Stateless"]

Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class Dynamics:
    """The static part of a node: equations, shapes and discretization.

    The class describes the type (parameter names, shape rule); an instance belongs to one node
    of one graph. Arrays (parameters, states) are always passed in.

    Arguments:
        rule: the discretization of this node (`Discretization.at`).
        input_shape, output_shape: features, without batch and time.
    """

    rule: Discretization
    input_shape: Shape
    output_shape: Shape

    parameters: ClassVar[tuple[str, ...]] = ()
    """Names of the NIR node's trainable arrays, which a backend holds as its own parameters."""
    positive: ClassVar[tuple[str, ...]] = ()
    """Parameters that must be positive (time constants)."""
    neuron: ClassVar[bool] = False
    """Whether the feedback rule counts the type as a neuron."""
    uses_dt: ClassVar[bool] = True
    """Whether the discretization affects the node."""
    exact_shape: ClassVar[bool] = False
    """Whether the input must have the declared shape; otherwise it only has to broadcast to it."""
    spiking: ClassVar[bool] = False
    """Whether the output is spikes, which are compared exactly, and not values."""
    binary_output: ClassVar[bool] = False
    """Whether a spike is exactly 0 or 1 (unless `rule.spikes` is "multi"). The reproducible mode
    relies on it for a faster dot product."""

    @classmethod
    def parameter_names(cls, node: Any) -> tuple[str, ...]:
        """`parameters`, of a type whose nodes differ in them."""
        return cls.parameters

    @classmethod
    def check(cls, node: Any) -> None:
        """Raise `NodeMismatch` for parameters that are wrong for any input."""

    @classmethod
    def declared_shapes(cls, node: Any) -> tuple[Shape | None, Shape | None]:
        """Input and output shape if the node alone determines them, else None.

        Used for nodes that no Input reaches.
        """
        return None, None

    @classmethod
    def input_rank(cls, node: Any) -> int | None:
        """Number of axes of one sample, or None if the node alone does not determine it."""
        shape, _ = cls.declared_shapes(node)
        return None if shape is None else len(shape)

    @classmethod
    def infer_shape(cls, node: Any, input_shape: Shape) -> Shape:
        """Output shape for an input shape.

        **Raises**: `NodeMismatch` if the node cannot take that input.
        """
        raise NotImplementedError

    @classmethod
    def build(
        cls, node: Any, rule: Discretization, input_shape: Shape, output_shape: Shape
    ) -> Dynamics:
        """The instance for a node that passed `check`."""
        return cls(rule, input_shape, output_shape)

    @classmethod
    def warnings(cls, node: Any, rule: Discretization) -> list[str]:
        """What is legal but probably not intended."""
        return []

    def state_shapes(self) -> dict[str, Shape]:
        """State variables and their shapes, without the batch axes."""
        return {}

    @property
    def whole_step_delay(self) -> bool:
        """Whether the output of a step never depends on the input of the same step."""
        return False

    def coefficients(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        """The factors that `step` uses, from the parameters; computed once per run."""
        return dict(p)

    def initial_state(self, ops: Ops, p: Arrays, batch: Shape) -> dict[str, Array]:
        """The state before the first step; each array is [*batch, *shape]."""
        return {k: ops.zeros((*batch, *shape)) for k, shape in self.state_shapes().items()}

    def step(self, ops: Ops, c: Arrays, x: Array, s: Arrays) -> tuple[Array, dict[str, Array]]:
        """One step.

        Arguments:
            c: what `coefficients` returned.
            x: input [*batch, *features].
            s: state before the step.

        Returns: output [*batch, *features] and new state.
        """
        raise NotImplementedError

    def chunk(
        self, ops: Ops, c: Arrays, xs: Array, s: dict[str, Array], record: tuple[str, ...]
    ) -> tuple[Array, dict[str, Array], dict[str, Array]]:
        """Many steps.

        Arguments:
            c: what `coefficients` returned.
            xs: inputs [time, *batch, *features].
            s: state before the first step.
            record: names of the state variables to record.

        Returns: outputs [time, *batch, *features], last state, and recordings by name.
        """

        def step(state: dict[str, Array], x: list[Array]):
            y, state = self.step(ops, c, x[0], state)
            return state, [y, *(state[name] for name in record)]

        s, outs = ops.scan(step, s, [xs], xs.shape[0])
        return outs[0], s, dict(zip(record, outs[1:], strict=True))


class Stateless(Dynamics):
    """A node without memory: time is one more batch axis."""

    uses_dt = False

    @property
    def plain_product(self) -> bool:
        """Of a Linear or a convolution: whether it is its product and bias, and nothing else."""
        return True

    def apply(self, ops: Ops, c: Arrays, x: Array) -> Array:
        """The output for x [*lead, *features], with any number of leading axes."""
        raise NotImplementedError

    def step(self, ops: Ops, c: Arrays, x: Array, s: Arrays) -> tuple[Array, dict[str, Array]]:
        return self.apply(ops, c, x), {}

    def chunk(
        self, ops: Ops, c: Arrays, xs: Array, s: dict[str, Array], record: tuple[str, ...]
    ) -> tuple[Array, dict[str, Array], dict[str, Array]]:
        return self.apply(ops, c, xs), {}, {}


class Elementwise(Dynamics):
    """A node whose parameters broadcast to its input, and whose output has the input's shape."""

    constants: ClassVar[tuple[str, ...]] = ()
    """Names of arrays that are not trainable, such as the delay of a Delay."""

    @classmethod
    def own_shapes(cls, node: Any) -> dict[str, Shape]:
        """Shapes of the node's arrays, each of which has to broadcast to the input."""
        return {name: parameter(node, name).shape for name in (*cls.parameters, *cls.constants)}

    @classmethod
    def check(cls, node: Any) -> None:
        cls.declared_shapes(node)

    @classmethod
    def declared_shapes(cls, node: Any) -> tuple[Shape | None, Shape | None]:
        shape = common_shape(cls.own_shapes(node))
        return shape, shape

    @classmethod
    def infer_shape(cls, node: Any, input_shape: Shape) -> Shape:
        for name, own in cls.own_shapes(node).items():
            if not broadcasts_to(own, input_shape):
                raise NodeMismatch(
                    f"the input has shape {input_shape}, but {name} has shape {own}",
                    f"{name} of shape {input_shape}, or one that broadcasts to it",
                )
        return input_shape
