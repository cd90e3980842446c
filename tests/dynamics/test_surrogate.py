"""The formulas of `nirx.surrogates`, their names, and their form in files."""

# Wrong arguments are refused at run time.
# pyright: reportArgumentType=false

from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pytest

import nirx
from nirx import surrogates
from nirx.dynamics.surrogate_formulas import FORMULAS
from nirx.execution.node_surrogates import SURROGATES, resolve_surrogate

U = np.array([-2.0, -1.0, -0.25, 0.0, 0.25, 1.0, 2.0])

BY_HAND = {
    "superspike": [1 / (1 + 100 * abs(u)) ** 2 for u in U],
    "arctan": [1 / (1 + (math.pi * u) ** 2) for u in U],
    "triangular": [0.0, 0.0, 0.75, 1.0, 0.75, 0.0, 0.0],
    "straight-through": [1.0] * 7,
}


def normal(u, mean, sigma):
    return math.exp(-((u - mean) ** 2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))


OBJECTS = [
    (surrogates.fast_sigmoid(), lambda u: 1 / (1 + 25 * abs(u)) ** 2),
    (surrogates.fast_sigmoid(3, height=2), lambda u: 2 / (1 + 3 * abs(u)) ** 2),
    (surrogates.arctan(4), lambda u: 2 / (1 + (2 * math.pi * u) ** 2)),
    (surrogates.triangular(0.5, 3), lambda u: 3 * max(0, 1 - 2 * abs(u))),
    (surrogates.sigmoid(4), lambda u: 4 * math.exp(-4 * u) / (1 + math.exp(-4 * u)) ** 2),
    (surrogates.sigmoid(4, height=1), lambda u: 1 - math.tanh(2 * u) ** 2),
    (surrogates.gaussian(0.4), lambda u: normal(u, 0, 0.4)),
    (surrogates.gaussian(0.4, 2, 0.25), lambda u: 2 * math.exp(-(((u - 0.25) / 0.4) ** 2) / 2)),
    (
        surrogates.multi_gaussian(0.5, 0.1, 4, 2),
        lambda u: 2 * (1.1 * normal(u, 0, 0.5) - 0.1 * (normal(u, 0.5, 2) + normal(u, -0.5, 2))),
    ),
    (surrogates.exponential(3, 2), lambda u: 2 * math.exp(-3 * abs(u))),
    (surrogates.exponential(3, 2, 1), lambda u: 2 * math.exp(-3 * abs(u - 1))),
    (surrogates.straight_through(0.5), lambda u: 0.5),
    (surrogates.boxcar(2, 0.5), lambda u: 0.5 if abs(u) <= 1 else 0),
    (surrogates.boxcar(1, 0.5, outside=0.1), lambda u: 0.5 if abs(u) <= 0.5 else 0.1),
    (surrogates.piecewise_linear(0.5), lambda u: 2.0 if abs(u) <= 0.25 else 0),
    (surrogates.heaviside(0.5, 2), lambda u: 2.0 if u >= -0.5 else 0),
    (surrogates.heaviside(0, 1, below=-1), lambda u: 1.0 if u >= 0 else -1),
]


def test_these_are_all_the_names():
    assert set(SURROGATES) == set(BY_HAND)


def test_every_formula_is_tested():
    assert {own.name for own, _ in OBJECTS} == set(FORMULAS)
    assert set(surrogates.__all__) - {"formula", "from_json", "piecewise_linear", "superspike"} == (
        set(FORMULAS)
    )


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_named_surrogates_by_hand(name, dtype):
    found = resolve_surrogate(name)(U.astype(dtype))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, BY_HAND[name], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", range(len(OBJECTS)))
def test_objects_by_hand(case, dtype):
    own, by_hand = OBJECTS[case]
    found = own(U.astype(dtype))
    assert found.dtype == dtype
    rtol = 1e-5 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(found, [by_hand(u) for u in U], rtol=rtol, atol=rtol)


def test_the_names_have_the_bits_that_they_always_had():
    u = np.random.default_rng(0).normal(size=2000).astype(np.float32)
    old = {
        "superspike": 1.0 / (1.0 + 100.0 * abs(u)) ** 2,
        "arctan": 1.0 / (1.0 + (3.141592653589793 * u) ** 2),
        "triangular": 0.5 * ((1.0 - abs(u)) + abs(1.0 - abs(u))),
        "straight-through": 0.0 * u + 1.0,
    }
    for name, expected in old.items():
        assert np.array_equal(SURROGATES[name](u), expected), name


@pytest.mark.parametrize("case", range(len(OBJECTS)))
def test_nothing_overflows_far_from_the_threshold(case):
    own = OBJECTS[case][0]
    far = np.array([-1e30, -1e4, -100.0, 100.0, 1e4, 1e30], np.float32)
    with np.errstate(over="ignore", under="ignore"):
        assert np.isfinite(own(far)).all()


@pytest.mark.parametrize("case", range(len(OBJECTS)))
def test_json_and_pickle_and_back(case):
    own = OBJECTS[case][0]
    again = surrogates.from_json(own.to_json())
    assert again == own == pickle.loads(pickle.dumps(own))
    assert hash(again) == hash(own)
    assert again is not own


@pytest.mark.parametrize("case", range(len(OBJECTS)))
def test_a_scaled_surrogate_is_that_of_the_scaled_membrane(case):
    own = OBJECTS[case][0]
    by = 0.25
    np.testing.assert_allclose(own.scaled(by)(U), by * own(by * U), rtol=1e-14, atol=1e-14)
    assert own.scaled(1.0) is own


def test_equal_numbers_are_one_surrogate():
    assert (
        surrogates.superspike() == surrogates.fast_sigmoid(100) == resolve_surrogate("superspike")
    )
    assert surrogates.arctan() == surrogates.arctan(2.0, 1) != surrogates.arctan(2.5)
    assert surrogates.fast_sigmoid(2, 1) != surrogates.sigmoid(2, 1)
    assert repr(surrogates.fast_sigmoid()) == "fast_sigmoid(slope=25, height=1)"
    assert surrogates.formula(abs) == surrogates.formula(abs)


@pytest.mark.parametrize(
    ("build", "found"),
    [
        (lambda: surrogates.fast_sigmoid(0), "slope is 0; expected a number above 0"),
        (lambda: surrogates.gaussian(sigma=-1), "sigma is -1"),
        (lambda: surrogates.piecewise_linear(0), "width is 0"),
        (lambda: surrogates.boxcar(height=math.inf), "height is inf; expected a finite number"),
        (lambda: surrogates.exponential("2"), "slope is '2'"),
        (lambda: surrogates.triangular(True), "width is True"),
        (lambda: surrogates.arctan("2"), "alpha is '2'"),
        (lambda: surrogates.sigmoid(None), "slope is None"),
        (lambda: surrogates.gaussian("1"), "sigma is '1'"),
        (lambda: surrogates.piecewise_linear([1, 2]), r"width is \[1, 2\]"),
        (lambda: surrogates.piecewise_linear(5e-324), "height is inf"),
    ],
)
def test_wrong_numbers_are_refused(build, found):
    with pytest.raises(nirx.InputError, match=found):
        build()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{", "no JSON"),
        (3, "no JSON"),
        ("[1]", "no name"),
        ("[" * 100_000, "no JSON"),
        ('{"name": "arctam", "alpha": 1, "height": 1}', "did you mean 'arctan'"),
        ('{"name": "arctan", "alpha": 1}', "numbers alpha; expected alpha, height"),
        ('{"name": "arctan", "alpha": "1", "height": 1}', "alpha is '1'"),
        ('{"name": "arctan", "alpha": NaN, "height": 1}', "alpha is nan"),
        (json.dumps({"name": "arctan", "alpha": 1, "height": 10**400}), "height is 1000"),
    ],
)
def test_wrong_texts_are_refused(text, found):
    with pytest.raises(nirx.InputError, match=found):
        surrogates.from_json(text)


def test_a_callable_is_its_own_surrogate():
    def own(u):
        return 2 * u

    assert resolve_surrogate(own) is own
    assert surrogates.formula(own)(3.0) == 6.0


@pytest.mark.parametrize("wrong", ["arctam", "", None, 3, ["arctan"]])
def test_anything_else_is_refused_with_the_choices(wrong):
    with pytest.raises(nirx.InputError, match="'superspike', 'arctan'"):
        resolve_surrogate(wrong)


def test_the_table_cannot_be_changed_by_accident():
    with pytest.raises(TypeError):
        SURROGATES["arctan"] = abs  # type: ignore[index]
