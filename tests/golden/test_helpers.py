"""The functions of C that the steps call, against Python's own numbers."""

from __future__ import annotations

import ctypes
import itertools
import math
import subprocess

import numpy as np
import pytest

from nirx.execution.numpy_slices import NumpyKernel
from nirx.golden.helpers import FLOAT, HELPERS, WHOLE, helpers
from support.golden import COMPILERS, FLAGS, needs_compiler

pytestmark = needs_compiler

TYPES = {"int64_t": ctypes.c_int64, "double": ctypes.c_double, "int": ctypes.c_int}
WHOLE_CALLS = ("add64", "sub64", "mul64", "shift_down", "divide_down")
FLOAT_CALLS = {
    "keep": ("double", "double"),
    "floor_of": ("double", "double"),
    "size_of": ("double", "double"),
    "nearest": ("double", "double"),
    "power_of_two": ("double", "int"),
    "exponent_of": ("int", "double"),
    "half_of": ("int", "int"),
}
EXTREMES = [-(2**63), -(2**63) + 1, -7, -2, -1, 0, 1, 2, 7, 2**31, 2**63 - 1]


def library(folder, body, dtype, checks):
    """A library of these functions."""
    includes = "#include <math.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n"
    (folder / "h.c").write_text(includes + helpers(body, dtype) + "\n" + body)
    flags = [*FLAGS, *(["-fsanitize=undefined"] if checks else []), "-shared", "-fPIC"]
    subprocess.run([COMPILERS[0], *flags, "-o", "h.so", "h.c"], cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "h.so"))


@pytest.fixture
def whole(tmp_path):
    body = "".join(
        f"int64_t t_{name}(int64_t a, int64_t b);\n"
        f"int64_t t_{name}(int64_t a, int64_t b) {{ return {name}(a, b); }}\n"
        for name in WHOLE_CALLS
    )
    own = library(tmp_path, body, None, COMPILERS[0] == "gcc")

    def call(name, a, b):
        function = own[f"t_{name}"]
        function.restype, function.argtypes = ctypes.c_int64, [ctypes.c_int64] * 2
        return function(a, b)

    return call


def wrapped(n):
    return (n + 2**63) % 2**64 - 2**63


def test_sums_and_products_wrap_without_undefined_behaviour(whole, capfd):
    for a, b in itertools.product(EXTREMES, EXTREMES):
        assert whole("add64", a, b) == wrapped(a + b)
        assert whole("sub64", a, b) == wrapped(a - b)
        assert whole("mul64", a, b) == wrapped(a * b)
    assert "runtime error" not in capfd.readouterr().err


def test_shifts_and_divisions_round_down(whole):
    for a, k in itertools.product(EXTREMES, (0, 1, 3, 31, 48, 63)):
        assert whole("shift_down", a, k) == a >> k
    for a, b in itertools.product(EXTREMES, (1, 2, 3, 7, 2**31, 2**63 - 1)):
        assert whole("divide_down", a, b) == a // b


@pytest.fixture
def double(tmp_path):
    body = "".join(
        f"{gives} t_{name}({takes} a);\n{gives} t_{name}({takes} a) {{ return {name}(a); }}\n"
        for name, (gives, takes) in FLOAT_CALLS.items()
    )
    own = library(tmp_path, body, "float64", False)

    def call(name, a):
        gives, takes = FLOAT_CALLS[name]
        function = own[f"t_{name}"]
        function.restype, function.argtypes = TYPES[gives], [TYPES[takes]]
        return function(a)

    return call


def test_rounding(double):
    for x in (-(2.0**60), -3.5, -2.5, -0.5, -1e-9, 0.0, 0.5, 1.5, 2.5, 7.0, 2.0**52 + 1, 2.0**60):
        assert double("floor_of", x) == math.floor(x)
        if abs(x) < 2**51:
            assert double("nearest", x) == np.rint(x)
    assert double("floor_of", math.inf) == math.inf
    assert math.isnan(double("floor_of", math.nan))
    for n in range(-2100, 2100):
        assert double("half_of", n) == np.rint(n / 2)


def test_powers_and_exponents_are_those_of_numpy(double):
    kernel = NumpyKernel()
    for n in (-1022, -969, -1, 0, 1, 52, 1023):
        assert double("power_of_two", n) == kernel.power(np.array([float(n)]))[0]
    for m in (0.0, 2.0**-969, 0.75, 1.0, 1.5, 2.0**1000):
        assert double("exponent_of", m) == kernel.exponent(np.array([m]))[0]


def test_keep(double):
    bound = 2.0**-969
    assert [double("keep", x) for x in (bound, -bound, bound / 2, -bound / 2)] == [
        bound,
        -bound,
        0.0,
        0.0,
    ]
    assert math.copysign(1.0, double("keep", -0.0)) == 1.0
    assert math.isnan(double("keep", math.nan))


def test_every_helper_is_listed():
    calls = {"slice", "unsliced", "signed64", *WHOLE_CALLS, *FLOAT_CALLS}
    assert set(HELPERS) == calls
    assert all(f"{name}(" in WHOLE + FLOAT for name in calls)
