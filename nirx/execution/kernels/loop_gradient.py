"""A cyclic component backwards in time: the adjoint of `nirx.execution.kernels.loop`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from nirx.execution.kernels.adjoint import print_adjoint
from nirx.execution.kernels.dense import ROWS, multiplying
from nirx.execution.kernels.loop import Loop, LoopNode, LoopText
from nirx.execution.kernels.printing import print_expression
from nirx.execution.kernels.running import run_kernel
from nirx.execution.kernels.surrogate import trace_surrogate
from nirx.execution.kernels.trace import INPUT, OUTPUT, TracedStep

__all__ = ["LoopGradients", "LoopTrace", "backward_loop"]

Key = tuple[int, str]
"""A position, and a coefficient or state variable there."""


@dataclass(frozen=True)
class LoopTrace:
    """What a component did, [time, samples, elements]; states also after the last step.

    Arguments:
        outside: values that it read, by position.
        values: of its nodes, by position.
        states: before each step and after the last, [time + 1, samples, elements].
        late: values of late edges at each step, by (target, source).
        coefficients: [elements].
        weights: of its products, [outputs, inputs], by position.
    """

    outside: Mapping[int, np.ndarray]
    values: Mapping[int, np.ndarray]
    states: Mapping[Key, np.ndarray]
    late: Mapping[tuple[int, int], np.ndarray]
    coefficients: Mapping[Key, np.ndarray]
    weights: Mapping[int, np.ndarray]


@dataclass(frozen=True)
class LoopGradients:
    """Gradients, with the keys and shapes of `LoopTrace`.

    Arguments:
        outside: [time, samples, elements].
        states, late: before the first step, [samples, elements].
        coefficients: summed over time, [samples, elements].
        products: of what each product puts out, [time, samples, outputs]; with its inputs they
            give the gradient of its weight.
    """

    outside: Mapping[int, np.ndarray]
    states: Mapping[Key, np.ndarray]
    late: Mapping[tuple[int, int], np.ndarray]
    coefficients: Mapping[Key, np.ndarray]
    products: Mapping[int, np.ndarray]


def backward_loop(
    loop: Loop,
    trace: LoopTrace,
    surrogates: tuple[Callable[[Any], Any], ...],
    of_values: Mapping[int, np.ndarray],
    of_states: Mapping[Key, np.ndarray],
    of_last: Mapping[Key, np.ndarray],
    of_late: Mapping[tuple[int, int], np.ndarray],
) -> LoopGradients:
    """Run a component backwards in time.

    Arguments:
        surrogates: of its nodes, in their order.
        of_values: gradients of the values of some of its nodes.
        of_states: of states after each step, where these were recorded.
        of_last: of all states after the last step, [samples, elements].
        of_late: of all late values after the last step, likewise.
    """
    like = next(iter(trace.values.values()))
    length, samples = like.shape[:2]
    first = {key: np.array(of_last[key]) for key in trace.states}
    late = {key: np.array(of_late[key]) for key in trace.late}
    outside = {p: np.zeros_like(o) for p, o in trace.outside.items()}
    coefficients = {
        key: np.zeros((samples, len(c)), like.dtype) for key, c in trace.coefficients.items()
    }
    products = {p: np.empty_like(trace.values[p]) for p in trace.weights}
    groups: list[Mapping[Any, np.ndarray]] = [
        trace.outside,
        trace.values,
        trace.states,
        trace.late,
        trace.coefficients,
        trace.weights,
        of_values,
        of_states,
        first,
        late,
        outside,
        coefficients,
        products,
    ]
    arrays = [np.require(a, requirements=["C", "W"]) for group in groups for a in group.values()]
    rows = ROWS if samples >= ROWS else 1
    source = _source(loop, surrogates, rows, *(tuple(group) for group in groups[:8]))
    work = 2 * length * samples * sum(sum(n.sizes) for n in loop.nodes)
    run_kernel(source, arrays, samples, work, (length,))
    return LoopGradients(outside, first, late, coefficients, products)


class _Backward(LoopText):
    """The text of the kernel, node by node from the last.

    Samples go in blocks, because a dense product of several is then some times as fast; m is the
    number of a sample j in its block. In a last block that is not full, products compute rows that
    nobody reads.

    Arguments:
        samples: of a block.
    """

    def __init__(self, loop: Loop, samples: int):
        super().__init__(loop)
        self.samples = samples

    def each(self, size: int, lines: Sequence[str]) -> None:
        self.lines += [
            "for m in range(samples):",
            "    j = first + m",
            f"    for n in range(np.uint64(0), np.uint64({size})):",
            *(f"        {line}" for line in lines),
        ]

    def loops(self) -> list[str]:
        return [
            f"for first in range(j0, j1, np.uint64({self.samples})):",
            f"    samples = min(np.uint64({self.samples}), j1 - first)",
            "    for back in range(np.uint64(0), length):",
            "        t = length - np.uint64(1) - back",
        ]

    def rows(self, name: str, size: int) -> list[str]:
        """Scratch arrays, one for each sample of a block; see `multiplying`."""
        return [self.array(f"{name}_{m}", size) for m in range(self.samples)]

    def block(self, name: str, size: int) -> None:
        """A scratch array [samples of a block, elements]."""
        self.scratch.append(f"{name} = np.zeros(({self.samples}, {size}), F)")

    def value(self, position: int) -> str:
        return f"{'y' if position in self.loop.positions else 'o'}{position}[t, j, n]"

    def late(self, position: int, index: int) -> str:
        source = self.loop.nodes[position - self.loop.start].late[index]
        return f"l{position}_{source}[t, j, n]"

    def spread(self, position: int, node: LoopNode) -> list[str]:
        """Lines that pass gx, the gradient of a node's input, on to its sources."""
        lines = []
        for source, late in node.sources:
            into = f"g{source}[m, n]" if source in self.loop.positions else f"go{source}[t, j, n]"
            lines.append(f"{f'm{position}_{source}[j, n]' if late else into} += gx")
        return lines

    def step_back(
        self,
        position: int,
        node: LoopNode,
        step: TracedStep,
        surrogate: Callable[[Any], Any],
        recorded: Sequence[Key],
    ) -> None:
        inputs = {INPUT: "x"}
        inputs |= {f"c.{k}": f"c{position}_{k}[n]" for k in step.coefficients}
        inputs |= {f"s.{k}": f"v_{k}" for k in step.states}
        results = step.expression.results
        printed = print_expression(
            step.expression, inputs, list(results.values()), self.bound, f"n{position}_"
        )
        seeds: dict[int, list[str]] = {results[OUTPUT]: [f"g{position}[m, n]"]}
        for k in step.states:
            own = [f"h{position}_{k}[j, n]"]
            own += [f"gr{position}_{k}[t, j, n]"] if (position, k) in recorded else []
            seeds.setdefault(results[f"s.{k}"], []).extend(own)
        wanted = {INPUT, *(f"c.{k}" for k in step.coefficients), *(f"s.{k}" for k in step.states)}
        gradient = print_adjoint(
            printed,
            {at: " + ".join(texts) for at, texts in seeds.items()},
            frozenset(wanted),
            trace_surrogate(surrogate),
        )
        lines = [*self.fan_in(position, node)]
        lines += [f"v_{k} = s{position}_{k}[t, j, n]" for k in step.states]
        lines += printed.lines
        lines += [f"h{position}_{k}[j, n] = {gradient.get(f's.{k}', 'F(0)')}" for k in step.states]
        lines += [
            f"pc{position}_{k}[j, n] += {gradient.get(f'c.{k}', 'F(0)')}" for k in step.coefficients
        ]
        lines.append(f"gx = {gradient.get(INPUT, 'F(0)')}")
        self.each(node.sizes[1], [*lines, *self.spread(position, node)])

    def product_back(self, position: int, node: LoopNode) -> None:
        takes, gives = node.sizes
        self.each(gives, [f"gq{position}[t, j, n] = g{position}[m, n]"])
        totals = self.rows(f"f{position}", takes)
        self.lines += multiplying(
            lambda row, k: f"g{position}[{row}, {k}]",
            str(gives),
            str(takes),
            totals,
            f"q{position}[{{}}, n]",
        )
        self.block(f"f{position}", takes)
        self.lines.append(f"for n in range(np.uint64(0), np.uint64({takes})):")
        self.lines += [f"    f{position}[{m}, n] = {total}[n]" for m, total in enumerate(totals)]
        self.each(takes, [f"gx = f{position}[m, n]", *self.spread(position, node)])


@lru_cache(maxsize=256)
def _source(
    loop: Loop,
    surrogates: tuple[Callable[[Any], Any], ...],
    samples: int,
    outside: tuple[int, ...],
    values: tuple[int, ...],
    states: tuple[Key, ...],
    late: tuple[tuple[int, int], ...],
    coefficients: tuple[Key, ...],
    weights: tuple[int, ...],
    of_values: tuple[int, ...],
    of_states: tuple[Key, ...],
) -> str:
    text = _Backward(loop, samples)
    for name, keys in (("o", outside), ("y", values), ("s", states), ("l", late)):
        text.arguments += [_argument(name, key) for key in keys]
    for name, keys in (("c", coefficients), ("q", weights), ("gw", of_values), ("gr", of_states)):
        text.arguments += [_argument(name, key) for key in keys]
    for name, keys in (("h", states), ("m", late), ("go", outside)):
        text.arguments += [_argument(name, key) for key in keys]
    for name, keys in (("pc", coefficients), ("gq", weights)):
        text.arguments += [_argument(name, key) for key in keys]
    pairs = list(zip(loop.positions, loop.nodes, strict=True))
    for position, node in pairs:
        start = f"gw{position}[t, j, n]" if position in of_values else "0"
        text.block(f"g{position}", node.sizes[1])
        text.each(node.sizes[1], [f"g{position}[m, n] = {start}"])
    for target, source in late:
        size = loop.nodes[source - loop.start].sizes[1]
        own = f"m{target}_{source}[j, n]"
        text.each(size, [f"g{source}[m, n] += {own}", f"{own} = 0"])
    for (position, node), surrogate in reversed([*zip(pairs, surrogates, strict=True)]):
        if node.kind == "product":
            text.product_back(position, node)
        elif node.step is None:
            text.each(node.sizes[1], [f"gx = g{position}[m, n]", *text.spread(position, node)])
        else:
            text.step_back(position, node, node.step, surrogate, of_states)
    return text.whole()


def _argument(name: str, key: Any) -> str:
    return f"{name}{key[0]}_{key[1]}" if isinstance(key, tuple) else f"{name}{key}"
