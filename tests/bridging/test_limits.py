"""`Limits` and checks of parameters: what a library does not support, and the nearest it does."""

# nir's annotations are narrower than what it takes and gives.
# pyright: reportArgumentType=false

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import nirx
from nirx.bridging.limits import Limits, require_uniform, require_values
from nirx.execution.refusal import NotRepresentable
from nirx_conformance.libraries.neurons import neuron

EULER = nirx.Discretization(dt=1e-3)

TWO_FORMS = Limits(
    "lib.Neuron",
    (
        {"reset": ("value",), "reset_when": ("same", "next-leaked"), "output": ("new",)},
        {"reset": ("subtract",), "reset_when": ("next",), "output": ("new", "old")},
    ),
)


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ({"reset_when": "next"}, {"reset_when": "same"}),
        ({"reset": "subtract"}, {"reset_when": "next"}),
        ({"reset": "none"}, {"reset": "value"}),
        ({"reset": "none", "output": "old"}, {"reset": "value", "output": "new"}),
        ({"reset_when": "next", "output": "old"}, {"reset_when": "same", "output": "new"}),
    ],
)
def test_limits_name_what_is_asked_and_the_nearest_legal_rule(asked, near):
    rule = replace(EULER, **asked)
    with pytest.raises(NotRepresentable) as caught:
        TWO_FORMS.require(rule)
    assert caught.value.rule == replace(rule, **near)
    for name, value in near.items():
        assert f"{name}={getattr(rule, name)!r}" in caught.value.found
        assert f"{name}={value!r}" in caught.value.expected
    assert "lib.Neuron" in str(caught.value)
    assert str(caught.value.at("a/b")).startswith("'a/b': ")
    TWO_FORMS.require(caught.value.rule)


def test_limits_let_pass_what_fits():
    TWO_FORMS.require(EULER)
    TWO_FORMS.require(replace(EULER, reset="subtract", reset_when="next", output="old"))


def test_a_parameter_that_has_to_be_uniform():
    node = neuron("LIF")
    node.r[:] = 2.0
    assert require_uniform("lib.N", node, "r") == 2.0
    before = node.tau.copy()
    with pytest.raises(NotRepresentable, match=r"tau from 0\.00.* to 0\.01.*their mean") as caught:
        require_uniform("lib.N", node, "tau")
    np.testing.assert_allclose(caught.value.node.tau, before.mean())
    np.testing.assert_array_equal(node.tau, before)
    assert caught.value.node.r is node.r


def test_a_parameter_with_values_that_do_not_fit():
    node = neuron("LIF")
    good = node.v_leak > 0
    with pytest.raises(NotRepresentable, match=r"v_leak\[\d\]=-.*lib.N rests above 0") as caught:
        require_values("lib.N", node, "v_leak", good, 0.0, "rests above 0")
    np.testing.assert_array_equal(caught.value.node.v_leak, np.where(good, node.v_leak, 0))
    require_values("lib.N", node, "v_leak", True, 0.0, "")
