"""A cyclic component in one kernel: samples, steps, nodes; no Python in the time loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from nirx.dynamics.base import Elementwise, Stateless
from nirx.dynamics.expression import NotElementwise
from nirx.dynamics.linear import Linear
from nirx.dynamics.reshape import Flatten, Port
from nirx.execution.kernels.gather import gathering
from nirx.execution.kernels.printing import narrowing, print_expression
from nirx.execution.kernels.sequences import heading
from nirx.execution.kernels.trace import INPUT, OUTPUT, TracedStep
from nirx.execution.reproducible import SMALLEST
from nirx.graphs.schedule import Schedule, ScheduledNode, Segment

__all__ = ["Loop", "LoopNode", "LoopText", "loop_of"]


@dataclass(frozen=True, eq=False)
class LoopNode:
    """One node of a loop.

    Arguments:
        kind: "step" (neurons and other elementwise nodes), "product" (Linear, Affine) or "same"
            (ports, Flatten).
        sources: (position, late), in the order of summation.
        late: positions of the late sources, each once: the order of the late state arrays.
        sizes: number of inputs and of outputs.
        step: of kind "step".
    """

    kind: str
    sources: tuple[tuple[int, bool], ...]
    late: tuple[int, ...]
    sizes: tuple[int, int]
    step: TracedStep | None = None


@dataclass(frozen=True, eq=False)
class Loop:
    """A component that one kernel runs.

    Arguments:
        start: position of its first node.
        nodes: from there on.
        outside: positions that it reads from other components.
        dtype, reproducible: of the run.
    """

    start: int
    nodes: tuple[LoopNode, ...]
    outside: tuple[int, ...]
    dtype: str
    reproducible: bool

    @property
    def positions(self) -> range:
        return range(self.start, self.start + len(self.nodes))

    @lru_cache(maxsize=256)  # noqa: B019 # loops live as long as the plans that are remembered
    def source(self, wanted: tuple[int, ...], recorded: tuple[tuple[int, str], ...]) -> str:
        """The text of the kernel.

        Its arguments are, in this order: the outside values [time, samples, elements]; per node
        its coefficients and states, or its weights, scales and bias, then its late values; the
        wanted values and the recordings [time, samples, elements]; a flag per sample that says
        that an input of a reproducible product is not 0 or 1; the range of samples.
        """
        text = LoopText(self)
        for position in self.outside:
            text.argument(f"o{position}")
        for position, node in zip(self.positions, self.nodes, strict=True):
            text.node(position, node)
        for position, node in zip(self.positions, self.nodes, strict=True):
            for i, source in enumerate(node.late):
                size = self.nodes[source - self.start].sizes[1]
                text.each(size, [f"l{position}_{i}[j, n] = {text.value(source)}"])
        for i, position in enumerate(wanted):
            text.argument(f"w{i}")
            size = self.nodes[position - self.start].sizes[1]
            text.each(size, [f"w{i}[t, j, n] = {text.value(position)}"])
        for i, (position, name) in enumerate(recorded):
            text.argument(f"r{i}")
            node = self.nodes[position - self.start]
            assert node.step is not None, "only neurons have state variables"
            own = node.step.states.index(name)
            text.each(node.sizes[1], [f"r{i}[t, j, n] = s{position}_{own}[j, n]"])
        text.argument("flag")
        return text.whole()


@dataclass
class LoopText:
    """The kernel so far."""

    loop: Loop
    arguments: list[str] = field(default_factory=list)
    scratch: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    @property
    def bound(self) -> str:
        return repr(SMALLEST[self.loop.dtype])

    def argument(self, name: str) -> str:
        self.arguments.append(name)
        return name

    def array(self, name: str, size: int, dtype: str = "F") -> str:
        """A scratch array of one sample."""
        self.scratch.append(f"{name} = np.empty({size}, {dtype})")
        return name

    def each(self, size: int, lines: Sequence[str]) -> None:
        """Lines for every element."""
        self.lines.append(f"for n in range(np.uint64(0), np.uint64({size})):")
        self.lines += [f"    {line}" for line in lines]

    def value(self, position: int) -> str:
        """Element n of a node's value in this step."""
        outside = position not in self.loop.positions
        return f"o{position}[t, j, n]" if outside else f"y{position}[n]"

    def late(self, position: int, index: int) -> str:
        """Element n of a late value."""
        return f"l{position}_{index}[j, n]"

    def kept(self, name: str) -> list[str]:
        """The line that follows a result in reproducible mode."""
        if not self.loop.reproducible:
            return []
        return [f"{name} = F(0) if abs({name}) < F({self.bound}) else {name}"]

    def fan_in(self, position: int, node: LoopNode) -> list[str]:
        """Lines that compute x, element n of a node's input."""
        lines: list[str] = []
        for source, late in node.sources:
            one = self.value(source)
            if late:
                one = self.late(position, node.late.index(source))
            lines += [f"x = x + {one}", *self.kept("x")] if lines else [f"x = {one}"]
        return lines

    def node(self, position: int, node: LoopNode) -> None:
        _, gives = node.sizes
        self.array(f"y{position}", gives)
        if node.kind == "product":
            self.product(position, node)
        else:
            lines = self.fan_in(position, node)
            result = "x"
            if node.step is not None:
                more, result = self.step(position, node.step)
                lines += more
            self.each(gives, [*lines, f"y{position}[n] = {result}"])
            if node.step is not None:
                states = range(len(node.step.states))
                self.arguments += [f"s{position}_{i}" for i in states]
        self.arguments += [f"l{position}_{i}" for i in range(len(node.late))]

    def step(self, position: int, step: TracedStep) -> tuple[list[str], str]:
        inputs = {INPUT: "x"}
        inputs |= {f"c.{k}": f"c{position}_{i}[n]" for i, k in enumerate(step.coefficients)}
        inputs |= {f"s.{k}": f"v{i}" for i, k in enumerate(step.states)}
        self.arguments += [f"c{position}_{i}" for i in range(len(step.coefficients))]
        results = step.expression.results
        printed = print_expression(
            step.expression, inputs, list(results.values()), self.bound, f"n{position}_"
        )
        lines = [f"v{i} = s{position}_{i}[j, n]" for i in range(len(step.states))]
        lines += printed.lines
        for i, name in enumerate(step.states):
            lines.append(f"s{position}_{i}[j, n] = {printed.value(results[f's.{name}'])}")
        return lines, printed.value(results[OUTPUT])

    def product(self, position: int, node: LoopNode) -> None:
        """A product as the sum of the weight's rows at inputs that are not 0."""
        takes, gives = node.sizes
        given, result = self.array(f"f{position}", takes), f"y{position}"
        self.each(takes, [*self.fan_in(position, node), f"{given}[n] = x"])
        names = self._sliced(position, gives) if self.loop.reproducible else [result]
        weights = [self.argument(f"q{position}_{i}") for i in range(len(names))]
        rows = {f"{n}[n]": f"{w}[{{}}, n]" for n, w in zip(names, weights, strict=True)}
        index = self.array(f"e{position}", takes, "np.uint64")
        flag = "flag[j]" if self.loop.reproducible else ""
        self.lines += gathering(f"{given}[{{}}]", str(takes), str(gives), rows, flag, index)
        finish = self._narrowed(position, names) if self.loop.reproducible else []
        self.argument(f"b{position}")
        finish += [f"x = {result}[n] + b{position}[n]", *self.kept("x"), f"{result}[n] = x"]
        self.each(gives, finish)

    def _sliced(self, position: int, gives: int) -> list[str]:
        """Sums of the slices of a weight: whole numbers in float64, exact in any order."""
        count = 1 if self.loop.dtype == "float32" else 2
        return [self.array(f"a{position}_{i}", gives, "np.float64") for i in range(count)]

    def _narrowed(self, position: int, names: Sequence[str]) -> list[str]:
        """From the sums of slices to the result."""
        scales = [self.argument(f"z{position}_{i}") for i in range(len(names))]
        first, second = (self.argument(f"p{position}_{i}") for i in range(2))
        finite = self.argument(f"i{position}")
        total = " + ".join(
            f"{name}[n] * {scale}[0]" for name, scale in zip(names, scales, strict=True)
        )
        lines = narrowing(total, (f"{first}[n]", f"{second}[n]"), f"{finite}[n]", self.bound)
        return [*lines, f"y{position}[n] = F(d)"]

    def loops(self) -> list[str]:
        """The loops around the lines of a step; these are indented twice."""
        return ["for j in range(j0, j1):", "    for t in range(np.uint64(0), length):"]

    def whole(self) -> str:
        """The text of the kernel."""
        return "\n".join(
            [
                *heading(self.lines, self.loop.dtype),
                f"def kernel({', '.join(self.arguments)}, length, j0, j1):",
                *(f"    {line}" for line in (*self.scratch, *self.loops())),
                *(f"            {line}" for line in self.lines),
                "",
            ]
        )


def loop_of(
    schedule: Schedule,
    segment: Segment,
    traced: Callable[[ScheduledNode], TracedStep],
    dtype: str,
    reproducible: bool,
) -> Loop:
    """The loop of a cyclic component.

    Arguments:
        traced: the step of a node; raises `NotElementwise`.

    **Raises**: `NotElementwise` that names the node that has no kernel.
    """
    ports = {p for _, p in schedule.inputs}
    nodes = []
    for position in range(segment.start, segment.stop):
        place = schedule.nodes[position]
        try:
            if position in ports or place.deferred or place.dynamics is None:
                raise NotElementwise("no loop runs it")
            nodes.append(_node(place, traced))
        except NotElementwise as error:
            raise NotElementwise(f"it is in a cycle with {place.name!r}: {error}") from None
    outside, _ = schedule.borders[segment.start]
    return Loop(segment.start, tuple(nodes), tuple(outside), dtype, reproducible)


def _node(place: ScheduledNode, traced: Callable[[ScheduledNode], TracedStep]) -> LoopNode:
    sizes = math.prod(place.input_shape), math.prod(place.output_shape)
    sources = tuple((s.position, s.late) for s in place.sources)
    common = sources, tuple(place.late_sources), sizes
    dynamics = place.dynamics
    if isinstance(dynamics, Port | Flatten):
        return LoopNode("same", *common)
    if isinstance(dynamics, Linear):
        if len(place.input_shape) != 1:
            raise NotElementwise("its weight has more than two axes")
        if not dynamics.plain_product:
            raise NotElementwise("its product is rounded")
        return LoopNode("product", *common)
    if isinstance(dynamics, Stateless) and not isinstance(dynamics, Elementwise):
        raise NotElementwise(f"there is no loop for {place.type_name}")
    return LoopNode("step", *common, step=traced(place))
