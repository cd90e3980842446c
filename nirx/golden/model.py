"""`Model`: a network as parts of a C file, to which every node adds its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nirx.dynamics.ops import Array, Shape
from nirx.golden.helpers import HELPERS
from nirx.golden.literals import INTEGER_TYPES, table
from nirx.golden.names import Names
from nirx.golden.numbers import Numbers
from nirx.graphs.schedule import Schedule, ScheduledNode

__all__ = ["Field", "Model", "Node", "each"]


@dataclass(frozen=True, eq=False)
class Field:
    """A member of the state.

    Arguments:
        initial: values before the first step, flat; None for zeros.
        comment: what it holds, in words.
    """

    name: str
    ctype: str
    size: int
    comment: str
    initial: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Node:
    """A node and the names of what it has in the C text.

    Arguments:
        label: of its function and tables.
        y: the member that holds its value of this step.
        states: the members of its state variables, by name.
        late: the member that holds its value of the step before, if a feedback edge leaves it.
        coefficients: of its step.
    """

    position: int
    place: ScheduledNode
    label: str
    y: Field
    states: Mapping[str, Field]
    late: Field | None
    coefficients: Mapping[str, Any]

    @property
    def takes(self) -> int:
        """Number of inputs."""
        return math.prod(self.place.input_shape)

    @property
    def gives(self) -> int:
        """Number of outputs."""
        return math.prod(self.place.output_shape)


@dataclass(eq=False)
class Model:
    """The parts so far.

    Arguments:
        name: prefix of all that the C file exports.
        fields: the members of the state.
        tables, functions: their texts.
        first, last: calls of a step, in their order: nodes, then Delays that take their input.
        work, slices: elements of scratch memory, of the values' type and of double.
    """

    name: str
    schedule: Schedule
    numbers: Numbers
    reproducible: bool
    nodes: list[Node] = field(default_factory=list)
    fields: list[Field] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    first: list[str] = field(default_factory=list)
    last: list[str] = field(default_factory=list)
    work: int = 0
    slices: int = 0
    members: Names = field(default_factory=Names)
    own_names: Names = field(init=False)

    def __post_init__(self) -> None:
        taken = [f"{self.name}_{own}" for own in ("init", "step", "in", "out", "state")]
        self.own_names = Names([*taken, *HELPERS, *INTEGER_TYPES])

    def add_field(
        self, name: str, ctype: str, size: int, comment: str, initial: np.ndarray | None = None
    ) -> Field:
        """A new member of the state, with a name near the given one."""
        start = None if initial is None or not np.any(initial) else np.ravel(initial)
        new = Field(self.members.new(name), ctype, max(1, size), comment, start)
        self.fields.append(new)
        return new

    def add_table(self, name: str, values: np.ndarray, ctype: str = "") -> str:
        """A constant array; returns its name.

        Arguments:
            ctype: of whole numbers; empty for the type that the model's numbers choose.
        """
        own = self.own_names.new(name)
        if ctype:
            cells = [str(int(v)) for v in np.ravel(values).tolist()]
        else:
            ctype, cells = self.numbers.cells(values)
        self.tables.append(table(ctype, own, cells))
        return own

    def add_function(self, label: str, lines: list[str], late: bool = False) -> None:
        """A function on the state, and its call in every step."""
        name = self.own_names.new(f"step_{label}")
        body = "\n".join(f"    {line}" if line else "" for line in lines)
        self.functions.append(f"static void {name}({self.name}_state *s)\n{{\n{body}\n}}")
        (self.last if late else self.first).append(f"{name}(s);")

    def source(self, node: Node, index: str) -> tuple[list[str], str]:
        """An element of a node's input: lines that compute it, and its text.

        Fan-in adds in the order of the schedule.
        """
        texts = []
        for source in node.place.sources:
            own = self.nodes[source.position]
            kept = own.late if source.late else own.y
            assert kept is not None, "a late edge leaves it"
            texts.append(f"s->{kept.name}[{index}]")
        if len(texts) == 1:
            return [], texts[0]
        lines = [f"{self.numbers.ctype} x = {texts[0]};"]
        lines += [f"x = {self.numbers.plus('x', text)};" for text in texts[1:]]
        return lines, "x"

    def gathered(self, node: Node) -> tuple[list[str], str]:
        """A node's whole input: lines that compute it, and the text of its first element."""
        lines, text = self.source(node, "n")
        if not lines:
            return [], text.removesuffix("[n]")
        self.work = max(self.work, node.takes)
        return each(node.takes, [*lines, "s->work[n] = x;"]), "s->work"

    def factors(
        self, node: Node, names: Mapping[str, Array], shape: Shape
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Tables of coefficients that broadcast to a shape.

        Returns: by the name of the input of an expression, the text of element n and the kind
        (see `Numbers.factor`).
        """
        texts, kinds = {}, {}
        for name, values in names.items():
            kind, values = self.numbers.factor(np.asarray(values))
            flat, index = _indexed(values, shape)
            own = self.add_table(f"{node.label}_{name}", flat)
            texts[f"c.{name}"], kinds[f"c.{name}"] = f"{own}[{index}]", kind
        return texts, kinds


def each(size: int, lines: list[str], index: str = "n") -> list[str]:
    """Lines for every element."""
    head = f"for (ptrdiff_t {index} = 0; {index} < {size}; ++{index}) {{"
    return [head, *(f"    {line}" for line in lines), "}"]


def _indexed(values: np.ndarray, shape: Shape) -> tuple[np.ndarray, str]:
    """A broadcast array without its repetitions, and the index of element n in it."""
    own = (1,) * (len(shape) - values.ndim) + values.shape
    size = math.prod(shape)
    if values.size == 1:
        return values, "0"
    if own == shape:
        return values, "n"
    for axis in range(len(shape)):
        if own[:axis] == shape[:axis] and set(own[axis:]) == {1}:
            return values, f"n / {size // max(1, values.size)}"
        if set(own[:axis]) == {1} and own[axis:] == shape[axis:]:
            return values, f"n % {values.size}"
    return np.broadcast_to(values.reshape(own), shape), "n"
