"""Discretization: every choice is checked, frozen, comparable, and stored as JSON."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from typing import Any

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nirx
from nirx.dynamics.discretization import CHOICES, Discretization
from support.graphs import chain, lif

DEFAULTS = {
    "integrator": ("euler", "exponential"),
    "input_gain": ("matched", "euler"),
    "threshold": ("gt", "ge"),
    "reset": ("value", "subtract", "none"),
    "reset_when": ("same", "next", "next-leaked"),
    "spikes": ("single", "multi"),
    "output": ("new", "old"),
    "synapse": ("current-first", "voltage-first"),
    "synapse_input": ("scaled", "jump", "jump-then-decay"),
    "initial_v": ("zero", "leak"),
    "feedback": ("back-edges", "component"),
    "feedback_initial": ("silent", "zero"),
}


def test_the_choices_are_those_of_the_semantics_default_first():
    assert dict(CHOICES) == DEFAULTS
    default = Discretization()
    assert {name: getattr(default, name) for name in DEFAULTS} == {
        name: values[0] for name, values in DEFAULTS.items()
    }
    assert (default.dt, default.max_spikes, dict(default.overrides)) == (1e-4, None, {})


@pytest.mark.parametrize("name", DEFAULTS)
@pytest.mark.parametrize("value", ["no", None, 1, ["euler"], True])
def test_an_unknown_choice_is_refused_by_name(name, value):
    with pytest.raises(nirx.InputError, match=f"{name}=.*expected one of"):
        Discretization(**{name: value})


@pytest.mark.parametrize(
    "dt",
    [0, -1.0, float("nan"), float("inf"), "1", None, True, 1j, [1.0], 10**400],
    ids=lambda dt: str(dt)[:9],
)
def test_a_meaningless_dt_is_refused(dt):
    with pytest.raises(nirx.InputError, match="dt="):
        Discretization(dt=dt)


@pytest.mark.parametrize("dt", [1, np.float32(0.25), np.float64(0.25), np.int64(2)])
def test_a_dt_of_any_number_type_becomes_a_float(dt):
    d = Discretization(dt=dt)
    assert type(d.dt) is float
    assert d.dt == dt


@pytest.mark.parametrize("most", [0, -1, 1.5, True, "3"])
def test_max_spikes_must_be_a_count(most):
    with pytest.raises(nirx.InputError, match="max_spikes"):
        Discretization(spikes="multi", max_spikes=most)


ILLEGAL: list[dict[str, Any]] = [
    {"max_spikes": 3},
    {"input_gain": "euler"},
    {"reset": "none", "reset_when": "next"},
    {"reset": "none", "reset_when": "next-leaked"},
    {"output": "old"},
    {"output": "old", "reset": "subtract"},
]


@pytest.mark.parametrize("choices", ILLEGAL, ids=str)
def test_illegal_combinations_are_refused_everywhere(choices):
    with pytest.raises(nirx.InputError):
        Discretization(**choices)
    with pytest.raises(nirx.InputError):
        Discretization(overrides={"a": choices})
    first, *rest = choices.items()
    inner = dict(rest or [("max_spikes", 0)])  # never legal
    with pytest.raises(nirx.InputError):
        Discretization(overrides={"a": dict([first]), "a/b": inner})


@pytest.mark.parametrize("name", ["dt", "feedback", "feedback_initial", "overrides", "treshold"])
def test_an_override_sets_only_choices_of_single_nodes(name):
    with pytest.raises(nirx.InputError, match=name):
        Discretization(overrides={"a": {name: "x"}})


@pytest.mark.parametrize("overrides", [3, [("a", {})], {"a": 3}, {"a": None}, {3: {}}, None])
def test_malformed_overrides_are_refused(overrides):
    with pytest.raises(nirx.InputError):
        Discretization(overrides=overrides)


def test_the_longest_path_wins_and_inherits():
    d = Discretization(
        reset="subtract",
        overrides={
            "a/b/c": {"threshold": "ge"},
            "a": {"spikes": "multi", "max_spikes": 4},
            "a/b": {"max_spikes": 2},
            ("x/y",): {"threshold": "ge"},
        },
    )
    assert d.at(("a", "z")).max_spikes == 4
    assert d.at(("a", "b", "z")).max_spikes == 2
    c = d.at(("a", "b", "c"))
    assert (c.max_spikes, c.threshold, c.reset, c.spikes) == (2, "ge", "subtract", "multi")
    assert d.at(("ab",)).spikes == "single"
    assert (d.at(("x/y",)).threshold, d.at(("x", "y")).threshold) == ("ge", "gt")


@pytest.mark.parametrize("text", ["~", "a~b", "~2", "a~/b"])
def test_a_path_with_an_unescaped_tilde_is_a_path_too(text):
    name = tuple(text.split("/"))
    assert Discretization(overrides={text: {"threshold": "ge"}}).at(name).threshold == "ge"


def lifs() -> nir.NIRGraph:
    inner = chain({"p": lif(1, tau=1.0), "q": lif(1, tau=1.0)}, 1)
    return chain({"s": inner}, 1)


def test_overrides_reach_the_nodes():
    d = Discretization(dt=1.0, overrides={"s": {"threshold": "ge"}, "s/q": {"threshold": "gt"}})
    net = nirx.from_nir(lifs(), "numpy", d)
    _, _, spikes = net.run(np.ones((1, 1), np.float32), record=["s/p", "s/q"])
    assert {k: v.item() for k, v in spikes.items()} == {"s/p": 1.0, "s/q": 0.0}  # v = 1 = theta


@pytest.mark.parametrize("path", ["p", "s/x", "", "s/p/v", "input/", "S"])
def test_an_override_without_a_node_is_a_fault(path):
    d = Discretization(overrides={path: {"threshold": "ge"}})
    for function in (nirx.check, nirx.schedule):
        with pytest.raises(nirx.GraphError, match="override"):
            function(lifs(), d)


@st.composite
def discretizations(draw: st.DrawFn) -> Discretization:
    while True:
        chosen = {name: draw(st.sampled_from(values)) for name, values in DEFAULTS.items()}
        paths = draw(st.lists(st.text(min_size=1, max_size=3), max_size=2))
        over = {p: {"threshold": draw(st.sampled_from(["gt", "ge"]))} for p in paths}
        dt = draw(st.floats(1e-300, 1e300))
        try:
            return Discretization(dt=dt, overrides=over, **chosen)
        except nirx.InputError:
            continue


@pytest.mark.slow
@given(discretizations())
@settings(max_examples=100, deadline=None)
def test_json_pickle_and_copies_preserve_it(d):
    others = [Discretization.from_json(d.to_json()), pickle.loads(pickle.dumps(d))]
    others += [copy.copy(d), copy.deepcopy(d), dataclasses.replace(d)]
    for other in others:
        assert other == d
        assert hash(other) == hash(d)
        assert other.to_json() == d.to_json()


def test_equality_and_hash_depend_on_content_not_order():
    a = Discretization(overrides={"a": {"threshold": "ge", "output": "new"}, "b": {}})
    b = Discretization(overrides={"b": {}, "a": {"output": "new", "threshold": "ge"}})
    assert (a, hash(a)) == (b, hash(b))
    assert a != Discretization(overrides={"a": {"threshold": "gt"}, "b": {}})
    assert a != "a"
    assert len({a, b, Discretization(dt=1), Discretization(dt=1.0)}) == 2


def test_it_is_frozen_and_shares_nothing_with_the_caller():
    own = {"a": {"threshold": "ge"}}
    d: Any = Discretization(overrides=own)
    own["a"]["threshold"] = "gt"
    own["b"] = {}
    assert {k: dict(v) for k, v in d.overrides.items()} == {"a": {"threshold": "ge"}}
    with pytest.raises(dataclasses.FrozenInstanceError):
        d.dt = 1.0
    with pytest.raises(TypeError):
        d.overrides["c"] = {}
    with pytest.raises(TypeError):
        d.overrides["a"]["threshold"] = "gt"


@pytest.mark.parametrize(
    "text",
    [
        *("", "3", "null", "[1]", "{}", '{"dt": 1}', '{"semantics": 2}'),
        *('{"semantics": 1, "x": 1}', '{"semantics": 1, "dt": NaN}', "[" * 100_000),
        *('{"semantics": 1, "dt": 1e999}', '{"semantics": 1, "overrides": 3}'),
        *('{"semantics": 1, "dt": 1' + 400 * "0" + "}", b"{}", 3, None, np.ones(2)),
    ],
    ids=range(17),
)
def test_a_text_that_is_not_a_discretization_is_refused(text):
    with pytest.raises(nirx.InputError):
        Discretization.from_json(text)


def test_the_json_contains_the_semantics_version():
    assert json.loads(Discretization().to_json())["semantics"] == nirx.SEMANTICS_VERSION == 1


def test_a_choice_that_came_later_is_stored_only_if_it_is_not_the_default():
    # so that files, digests and references of an older nirx keep their bits
    assert "input_gain" not in Discretization(integrator="exponential").to_json()
    later = Discretization(integrator="exponential", input_gain="euler")
    assert json.loads(later.to_json())["input_gain"] == "euler"
    assert Discretization.from_json(later.to_json()) == later
    assert hash(later) != hash(dataclasses.replace(later, input_gain="matched"))
    assert later.changes() == {"integrator": "exponential", "input_gain": "euler"}


def test_a_text_of_an_older_nirx_is_read():
    old = (
        '{"dt": 0.5, "feedback": "back-edges", "feedback_initial": "silent", "initial_v": "zero", '
        '"integrator": "exponential", "max_spikes": null, "output": "new", "overrides": {}, '
        '"reset": "value", "reset_when": "same", "semantics": 1, "spikes": "single", '
        '"synapse": "current-first", "synapse_input": "scaled", "threshold": "gt"}'
    )
    assert Discretization.from_json(old) == Discretization(dt=0.5, integrator="exponential")
    assert Discretization.from_json(old).to_json() == old


def test_the_default_is_used_with_a_warning():
    with pytest.warns(nirx.NirxWarning, match="dt=0.0001"):
        assert nirx.schedule(lifs()).discretization == Discretization()


def test_the_graphs_own_is_used_unless_the_caller_passes_one():
    graph = lifs()
    graph.metadata["nirx_discretization"] = Discretization(dt=0.5).to_json()
    assert nirx.schedule(graph).discretization.dt == 0.5
    assert nirx.schedule(graph, Discretization(dt=0.25)).discretization.dt == 0.25


@pytest.mark.parametrize("name", nirx.PRESETS)
def test_every_preset_runs(name):
    preset = nirx.PRESETS[name]
    graph = lifs()
    graph.nodes["s"].nodes["p"].tau = np.full(1, 10 * preset.dt)
    if preset.arithmetic is not None:
        floats = dataclasses.replace(preset, arithmetic=None)
        graph = nirx.quantize(graph, preset, discretization=floats).graph
    net = nirx.from_nir(graph, "numpy", preset)
    _, _, recorded = net.run(np.full((20, 1), 30), record=["s/p", "s/p.v"])
    assert np.isfinite(recorded["s/p.v"]).all()
    assert recorded["s/p"].any()
