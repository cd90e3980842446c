"""Products, convolutions and pools: loops of sums, then what follows a sum (`tails.py`)."""

from __future__ import annotations

import math

import numpy as np

from nirx.dynamics.pool import SumPool2d
from nirx.golden.model import Model, Node, each
from nirx.golden.sliced import add_sliced_conv, add_sliced_linear
from nirx.golden.tails import finish, tail
from nirx.golden.windows import Window

__all__ = ["add_conv", "add_linear", "add_pool"]


def add_linear(model: Model, node: Node) -> None:
    """Linear or Affine, also with several weights side by side."""
    if model.numbers.dtype is not None:
        return add_sliced_linear(model, node)
    weight = np.asarray(node.coefficients["weight"])
    *batched, gives, takes = weight.shape
    count = math.prod(batched)
    # One row per input: where that is 0, the row is left out.
    rows = model.add_table(f"{node.label}_weight", np.swapaxes(weight, -1, -2))
    lines, x = model.gathered(node)
    y = f"s->{node.y.name}"
    add = f"{y}[b * {gives} + o] = add64({y}[b * {gives} + o], mul64(u, {rows}[w + o]));"
    product = [
        f"const int64_t u = {x}[b * {takes} + k];",
        f"const ptrdiff_t w = (b * {takes} + k) * {gives};",
        "if (u != 0) {",
        *(f"    {line}" for line in each(gives, [add], "o")),
        "}",
    ]
    lines += each(node.gives, [f"{y}[n] = 0;"])
    lines += each(count, each(takes, product, "k"), "b")
    model.add_function(node.label, [*lines, *finish(model, node)])
    return None


def add_conv(model: Model, node: Node) -> None:
    """Conv1d or Conv2d."""
    if model.numbers.dtype is not None:
        return add_sliced_conv(model, node)
    weight = np.asarray(node.coefficients["weight"])
    own = model.add_table(f"{node.label}_weight", weight)
    lines, x = model.gathered(node)
    window = Window.of_conv(node, weight.shape[2:])
    add = f"sum = add64(sum, mul64({x}[at], {own}[{window.weight_index}]));"
    after, result = tail(model, node, "sum")
    body = ["int64_t sum = 0;", *window.taps([add])]
    lines += window.places([*body, *after, f"s->{node.y.name}[n] = {result};"])
    model.add_function(node.label, lines)
    return None


def add_pool(model: Model, node: Node) -> None:
    """SumPool2d or AvgPool2d: row by row, from the first."""
    dynamics = node.place.dynamics
    assert isinstance(dynamics, SumPool2d)
    lines, x = model.gathered(node)
    window = Window.of_pool(node, dynamics)
    after, result = tail(model, node, "sum")
    add = f"sum = {model.numbers.plus('sum', f'{x}[at]')};"
    body = [f"{model.numbers.ctype} sum = 0;", *window.taps([add])]
    lines += window.places([*body, *after, f"s->{node.y.name}[n] = {result};"])
    model.add_function(node.label, lines)
