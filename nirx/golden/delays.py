"""Delay: a ring of the last inputs, oldest first from a position that moves on."""

from __future__ import annotations

import numpy as np

from nirx.dynamics.delay import Delay
from nirx.golden.elementwise import add_copy
from nirx.golden.model import Field, Model, Node, each

__all__ = ["add_delay"]

BUFFER = "buffer"


def add_delay(model: Model, node: Node) -> None:
    """A Delay; one inside a cycle emits at its place and takes its input after all nodes."""
    dynamics = node.place.dynamics
    assert isinstance(dynamics, Delay)
    if not dynamics.length:
        return add_copy(model, node)
    ring = node.states[BUFFER]
    place = model.add_field(f"{node.label}_oldest", "int64_t", 1, "where its ring begins")
    emit = _emit(model, node, dynamics, ring, place)
    lines, x = model.source(node, "n")
    store = f"s->{ring.name}[s->{place.name}[0] * {node.gives} + n] = {x};"
    take = [
        *each(node.gives, [*lines, store]),
        f"s->{place.name}[0] = (s->{place.name}[0] + 1) % {dynamics.length};",
    ]
    if node.place.deferred:
        model.add_function(node.label, emit)
        model.add_function(f"{node.label}_take", take, late=True)
    else:
        model.add_function(node.label, [*emit, *take])
    return None


def _emit(model: Model, node: Node, own: Delay, ring: Field, place: Field) -> list[str]:
    """Lines that read what went in `steps` steps ago."""
    if len(set(own.steps)) == 1:
        back, lines = str(own.length - own.steps[0]), []
    else:
        back = f"{own.length} - d"
        steps = model.add_table(f"{node.label}_steps", np.asarray(own.steps), "int32_t")
        lines = [f"const int32_t d = {steps}[n];"]
    old = f"s->{ring.name}[(s->{place.name}[0] + {back}) % {own.length} * {node.gives} + n]"
    if min(own.steps) == 0:
        summed, x = model.source(node, "n")
        lines += [*summed, f"s->{node.y.name}[n] = d == 0 ? {x} : {old};"]
    else:
        lines.append(f"s->{node.y.name}[n] = {old};")
    return each(node.gives, lines)
