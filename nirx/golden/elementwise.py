"""Neurons and other elementwise nodes: one loop over the elements, from the traced step."""

from __future__ import annotations

from nirx.execution.kernels.trace import INPUT, OUTPUT, trace_step
from nirx.golden.model import Model, Node, each

__all__ = ["add_copy", "add_elementwise", "add_port"]


def add_port(model: Model, node: Node, member: str) -> None:
    """An outermost Input."""
    rule = model.schedule.discretization.at(node.place.path)
    value = model.numbers.entering(f"in->{member}[n]", rule)
    model.first += each(node.gives, [f"s->{node.y.name}[n] = {value};"])


def add_copy(model: Model, node: Node) -> None:
    """A node that passes its input on: a port, a Flatten."""
    lines, x = model.source(node, "n")
    model.add_function(node.label, each(node.gives, [*lines, f"s->{node.y.name}[n] = {x};"]))


def add_elementwise(model: Model, node: Node) -> None:
    """A node whose step is a loop over its elements.

    **Raises**: `NotElementwise` for any other.
    """
    dynamics = node.place.dynamics
    assert dynamics is not None, "nirx runs it"
    step = trace_step(dynamics, model.numbers.dtype or "float64", model.reproducible)
    used = {name: node.coefficients[name] for name in step.coefficients}
    texts, kinds = model.factors(node, used, node.place.output_shape)
    summed, texts[INPUT] = model.source(node, "n")
    texts |= {f"s.{name}": f"s->{own.name}[n]" for name, own in node.states.items()}
    printed = model.numbers.printer(step.expression, texts, kinds)
    lines = [*(summed if INPUT in printed.used else []), *printed.lines]
    for name, own in node.states.items():
        narrow = "" if own.ctype == model.numbers.ctype else f"({own.ctype})"
        lines.append(f"s->{own.name}[n] = {narrow}{printed.result(f's.{name}')};")
    lines.append(f"s->{node.y.name}[n] = {printed.result(OUTPUT)};")
    model.add_function(node.label, each(node.gives, lines))
