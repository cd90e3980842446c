"""`nirx.register_type` refuses a class that could not run, and names the member."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.dynamics import Dynamics, Neuron, Stateless, node_types
from nirx.dynamics.registration import require_dynamics


@dataclass(eq=False)
class Mine(nir.NIRNode):
    offset: np.ndarray
    v_threshold: np.ndarray
    v_reset: np.ndarray


class Shaped(Stateless):
    @classmethod
    def infer_shape(cls, node: Any, input_shape: Any) -> Any:
        return input_shape

    def apply(self, ops: Any, c: Any, x: Any) -> Any:
        return x


class Firing(Neuron):
    parameters = ("offset", "v_threshold", "v_reset")
    spiking = True

    def membrane_coefficients(self, ops: Any, p: Any) -> Any:
        return {"offset": p["offset"]}

    def integrate(self, ops: Any, c: Any, v: Any, current: Any) -> Any:
        return ops.add(ops.mul(v, c["offset"]), current)


def derived(base: type, **members: Any) -> type:
    return type("Derived", (base,), members)


def plain(*names: str) -> Any:
    """A method with arguments of these names."""
    return eval(f"lambda {', '.join(names)}: None")  # a lambda per test would say less


BAD = {
    "no class": (Shaped.build(None, nirx.Discretization(), (2,), (2,)), "the class itself"),
    "another class": (dict, "a subclass of nirx.dynamics.Dynamics"),
    "no infer_shape": (derived(Dynamics, step=Shaped.step), "Derived has no infer_shape; expected "
        r"a classmethod infer_shape\(node, input_shape\)"),
    "no step": (derived(Dynamics, infer_shape=Shaped.infer_shape), r"no step; .* step\(self, ops"),
    "no apply": (derived(Stateless, infer_shape=Shaped.infer_shape), r"no apply; expected"),
    "no integrate": (derived(Neuron, membrane_coefficients=plain("s", "o", "p")), "no integrate"),
    "no coefficients": (derived(Neuron, integrate=Firing.integrate), "no membrane_coefficients"),
    "no v_reset": (derived(Firing, parameters=("offset", "v_threshold")), "spikes, .* 'v_reset'"),
    "no classmethod": (derived(Shaped, infer_shape=plain("self", "node", "input_shape")),
        r"Derived.infer_shape does not fit; expected a classmethod"),
    "too few arguments": (derived(Shaped, apply=plain("self", "x")),
        r"apply does not fit; .*c, x"),
    "no property": (derived(Shaped, whole_step_delay=plain("self")), "expected a property"),
    "no tuple": (derived(Shaped, parameters="offset"), r"parameters is 'offset'; expected a tuple"),
    "a wrong name": (derived(Shaped, parameters=("ofset",)),
        r"parameters names 'ofset', but Mine has no such field; did you mean 'offset'"),
    "a wrong constant": (derived(Firing, positive=("tau",)), r"positive names 'tau', but Mine has"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_dynamics_that_cannot_run_are_refused_when_they_are_registered(name):
    dynamics, said = BAD[name]
    with pytest.raises(nirx.InputError, match=said) as refused:
        nirx.register_type(Mine, dynamics=dynamics)
    assert str(refused.value).startswith("register_type(Mine): ")
    assert node_types.find_type(Mine) is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"infer_shape": (3,)}, "infer_shape=.* does not fit"),
        ({"infer_shape": lambda node: (3,)}, r"a function \(node, input_shape\)"),
        ({"stored": "offset"}, "stored is 'offset'; expected a tuple of names"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, said):
    with pytest.raises(nirx.InputError, match=said):
        nirx.register_type(Mine, **options)


@pytest.mark.parametrize(
    "dynamics",
    [
        Shaped,
        Firing,
        derived(Firing, parameters=("offset",), coefficients=plain("self", "ops", "p")),
        derived(Neuron, step=Shaped.step, membrane_coefficients=plain("s", "o", "p")),
        derived(Shaped, whole_step_delay=True),
        derived(Shaped, infer_shape=staticmethod(lambda node, input_shape: input_shape)),
    ],
)
def test_dynamics_that_run_are_accepted(dynamics):
    assert nirx.register_type(Mine, dynamics=dynamics).dynamics is dynamics


def test_a_rule_of_shapes_replaces_infer_shape():
    class Unshaped(Stateless):
        def apply(self, ops: Any, c: Any, x: Any) -> Any:
            return x

    nirx.register_type(Mine, dynamics=Unshaped, infer_shape=lambda node, shape: shape)


def test_the_types_of_nir_satisfy_it_themselves():
    for kind in node_types.NATIVE_TYPES:
        entry = node_types._TYPES[kind]
        require_dynamics(entry.nir_type, entry.dynamics, entry.stored, False, entry.name)
