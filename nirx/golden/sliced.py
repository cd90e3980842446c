"""The sliced dot product of reproducible mode; docs/reproducibility.md has the definition.

Sums of products of slices are whole numbers up to 2**53, so their order is free. Those that the
definition adds first are one sum here: S12 and S21, and with three slices S22 and S13, all of
which together stay below 2**53.
"""

from __future__ import annotations

import math

import numpy as np

from nirx.execution.sliced import Sliced
from nirx.golden.model import Model, Node, each
from nirx.golden.tails import finish, tail
from nirx.golden.windows import Window

__all__ = ["add_sliced_conv", "add_sliced_linear"]

SUMS = {
    2: ({1: (1, 2), 2: (None, 1)}, "{0} + {1} * {p1}"),
    3: (
        {1: (1, 2, 3), 2: (None, 1, 2), 3: (None, None, None, 1)},
        "{0} + ({1} * {p1} + ({2} + {3}) * {p2})",
    ),
}
"""Number of slices -> for each slice of x the slice of the weight that goes into each sum, and how
the sums are put together (p1 = 2**-p, p2 = 2**-2p)."""


def _products(slices: int, x: int) -> list[tuple[int, int]]:
    """(sum, slice of the weight) for a slice of x."""
    return [(i, w) for i, w in enumerate(SUMS[slices][0][x]) if w is not None]


def _sum_count(slices: int) -> int:
    return 2 if slices == 2 else 4


def _total(own: Sliced, sums: list[str]) -> str:
    powers = {f"p{n}": f"0x1p{-n * own.bits}" for n in (1, 2)}
    return SUMS[len(own.parts)][1].format(*sums, **powers)


def _tables(model: Model, node: Node, own: Sliced, parts: list[np.ndarray]) -> list[str]:
    """Tables of the weight's slices, and of what undoes the scaling of each row."""
    label = node.label
    names = [
        model.add_table(f"{label}_weight_{i}", part, "int32_t") for i, part in enumerate(parts, 1)
    ]
    back = np.asarray(own.exponent[..., 0]) - 2 * own.bits
    return [*names, model.add_table(f"{label}_exponent", back, "int16_t")]


def _scaled(model: Model, node: Node, own: Sliced, total: str, row: str, exponent: str) -> str:
    """The text of a result: NaN where the row of the weight or of x is not finite."""
    text = f"unsliced({total}, e + {exponent}[{row}])"
    finite = np.asarray(own.finite[..., 0])
    test = "finite"
    if not finite.all():
        test += f" && {model.add_table(f'{node.label}_finite', finite, 'uint8_t')}[{row}]"
    return f"{test} ? {text} : ({model.numbers.ctype})NAN"


def add_sliced_linear(model: Model, node: Node) -> None:
    """Linear or Affine."""
    weight, own = node.coefficients["weight"]
    *batched, gives, takes = weight.shape
    slices, count = len(own.parts), _sum_count(len(own.parts))
    # One row per input, so that the inner loop runs over neighbours in memory.
    *rows, exponent = _tables(model, node, own, [np.swapaxes(p, -1, -2) for p in own.parts])
    sums = [f"sum{i}" for i in range(count)]
    model.slices = max(model.slices, slices * takes + count * gives)
    lines, x = model.gathered(node)
    pointers = [
        f"*const {s} = s->slices + {slices * takes + i * gives}" for i, s in enumerate(sums)
    ]
    lines += [f"double {', '.join(pointers)};"]
    product = [f"const ptrdiff_t w = (b * {takes} + k) * {gives};"]
    for i in range(1, slices + 1):
        add = [
            f"{sums[j]}[o] += q{i} * (double){rows[w - 1]}[w + o];" for j, w in _products(slices, i)
        ]
        product.append(f"const double q{i} = s->slices[{(i - 1) * takes} + k];")
        product += [f"if (q{i} != 0.0) {{", *_inside(each(gives, add, "o")), "}"]
    at = [f"{name}[o]" for name in sums]
    value = _scaled(model, node, own, _total(own, at), f"b * {gives} + o", exponent)
    row = [
        "int e = 0;",
        f"const int finite = slice({x} + b * {takes}, {takes}, {own.bits}, s->slices, &e);",
        *each(gives, [" = ".join(at) + " = 0.0;"], "o"),
        "if (finite) {",
        *_inside(each(takes, product, "k")),
        "}",
        *each(gives, [f"s->{node.y.name}[b * {gives} + o] = {value};"], "o"),
    ]
    lines += each(math.prod(batched), row, "b")
    model.add_function(node.label, [*lines, *finish(model, node)])


def add_sliced_conv(model: Model, node: Node) -> None:
    """Conv1d or Conv2d: one scale for the whole input, one per channel of the output."""
    weight, own = node.coefficients["weight"]
    slices, count = len(own.parts), _sum_count(len(own.parts))
    *parts, exponent = _tables(model, node, own, list(own.parts))
    window = Window.of_conv(node, weight.shape[2:])
    sums = [f"sum{i}" for i in range(count)]
    model.slices = max(model.slices, slices * node.takes)
    lines, x = model.gathered(node)
    taps = [f"const ptrdiff_t w = {window.weight_index};"]
    for i in range(1, slices + 1):
        taps.append(f"const double q{i} = s->slices[{(i - 1) * node.takes} + at];")
        taps += [f"{sums[j]} += q{i} * (double){parts[w - 1]}[w];" for j, w in _products(slices, i)]
    value = _scaled(model, node, own, _total(own, sums), "o", exponent)
    after, result = tail(model, node, "sum")
    place = [
        "double " + ", ".join(f"{name} = 0.0" for name in sums) + ";",
        "if (finite) {",
        *_inside(window.taps(taps)),
        "}",
        f"const {model.numbers.ctype} sum = {value};",
        *after,
        f"s->{node.y.name}[n] = {result};",
    ]
    lines += [
        "int e = 0;",
        f"const int finite = slice({x}, {node.takes}, {own.bits}, s->slices, &e);",
        *window.places(place),
    ]
    model.add_function(node.label, lines)


def _inside(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]
