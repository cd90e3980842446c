"""Expressions as C text, names, literals."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nirx
from nirx.dynamics.expression import Expression, NotElementwise
from nirx.golden.helpers import helpers
from nirx.golden.literals import float_literal, integer_type, table, whole_literal
from nirx.golden.names import Names, model_name, require_name
from nirx.golden.printing import FloatPrinter
from nirx.golden.whole_printing import WholeCoefficient, WholePrinter


def floored(factor: float | str, reverse: bool = False) -> Expression:
    """floor(x * factor), the factor a constant or the name of an input."""
    own = Expression()
    x = own.add("input", value="x")
    name = "input" if isinstance(factor, str) else "constant"
    pair = (x, own.add(name, value=factor))
    product = own.add("mul", *(pair[::-1] if reverse else pair))
    own.results = {"y": own.add("floor", product)}
    return own


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("factor", "kind", "text"),
    [
        (2.0**-12, "", "shift_down(t0, 12)"),
        (1.0 / 3, "", "divide_down(t0, 3)"),
        ("c.kept", "shift", "shift_down(t0, t1)"),
        ("c.spikes_per_v", "divisor", "divide_down(t0, t1)"),
    ],
)
def test_a_floor_is_a_shift_or_a_division(factor, kind, text, reverse):
    own = floored(factor, reverse)
    printed = WholePrinter(own, {"x": "x", "c.kept": "k", "c.spikes_per_v": "k"}, {factor: kind})
    assert printed.lines[-1] == f"const int64_t t3 = {text};"


def test_a_floor_of_whole_numbers_is_left_out():
    printed = WholePrinter(floored(3.0), {"x": "x"}, {})
    assert printed.lines[-1] == "const int64_t t2 = mul64(t0, INT64_C(3));"
    assert printed.result("y") == "t2"


@pytest.mark.parametrize("factor", [0.3, 0.75, -0.5])
def test_other_floors_are_refused(factor):
    with pytest.raises(NotElementwise):
        WholePrinter(floored(factor), {"x": "x"}, {})


def test_a_result_that_is_not_whole_is_refused():
    own = Expression()
    own.results = {"y": own.add("div", own.add("input", value="x"), own.add("constant", value=2.0))}
    with pytest.raises(NotElementwise, match="div"):
        WholePrinter(own, {"x": "x"}, {})


def test_coefficients():
    assert WholeCoefficient.of(np.array([3.0, -7.0])).kind == "whole"
    shifts = WholeCoefficient.of(np.array([0.5, 1.0, 2.0**-40]))
    assert shifts.kind == "shift"
    assert shifts.values.tolist() == [1, 0, 40]
    divisors = WholeCoefficient.of(1.0 / np.array([3.0, 65535.0]))
    assert divisors.kind == "divisor"
    assert divisors.values.tolist() == [3, 65535]
    for bad in ([0.3], [0.5, 0.0], [np.nan], [0.5, 2.0]):
        with pytest.raises(NotElementwise):
            WholeCoefficient.of(np.array(bad))


def test_what_only_a_gradient_needs_is_not_printed():
    own = Expression()
    x, theta = own.add("input", value="x"), own.add("input", value="theta")
    spike = own.add("greater", x, own.add("constant", value=1.0))
    own.results = {"y": own.add("spike", spike, x, theta)}
    printed = FloatPrinter(own, {"x": "x", "theta": "theta"}, "float32")
    assert printed.used == {"x"}
    assert printed.lines == ["const float t0 = x;", "const int b3 = t0 > 0x1p+0f;"]
    assert printed.result("y") == "(float)b3"


@pytest.mark.parametrize("value", [0.1, -3.5, 1e-40, 2.0**-102, 0.0, 3.4e38])
def test_float_literals_are_exact(value):
    single = float(np.float32(value))
    assert float.fromhex(float_literal(single, "float32").removesuffix("f")) == single
    assert float.fromhex(float_literal(value, "float64")) == value


def test_literals_at_the_limits():
    assert float_literal(math.inf, "float32") == "INFINITY"
    assert float_literal(-math.inf, "float64") == "-(double)INFINITY"
    assert float_literal(math.nan, "float32") == "NAN"
    assert whole_literal(-5) == "(-INT64_C(5))"
    limits = {-128: "int8_t", 128: "int16_t", -32769: "int32_t", 2**31: "int64_t"}
    assert {v: integer_type(np.array([v, 0])) for v in limits} == limits
    assert table("int8_t", "empty", []) == "static const int8_t empty[1] = {\n    0,\n};"


def test_names_are_identifiers_and_unique():
    names = Names()
    found = [names.new(text) for text in ("a/b", "a b", "3x", "", "class", "ä*/", "x" * 99)]
    assert found == ["a_b", "a_b_2", "n3x", "n", "class_2", "n_2", "x" * 40]
    assert model_name("My Net-2") == "my_net_2"
    assert model_name("string") == "string_model"


@pytest.mark.parametrize("name", ["", "3x", "a-b", "int", "test_bench", "_x", "x" * 41, None])
def test_a_chosen_name_has_to_be_an_identifier(name):
    with pytest.raises(nirx.InputError, match="expected a name for C"):
        require_name(name)


def test_only_helpers_that_are_called():
    assert helpers("y = x;", "float32") == ""
    text = helpers("y = add64(x, x);", None)
    assert "signed64" in text
    assert "mul64" not in text
