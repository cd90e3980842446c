"""What bridges share: the algebra of a membrane, limits, rules of single nodes, thresholds."""

# nir's and torch's annotations are narrower than what both take and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportIndexIssue=false
# pyright: reportOptionalMemberAccess=false, reportOptionalCall=false, reportOperatorIssue=false

from __future__ import annotations

from dataclasses import replace

import nir
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nirx
from nirx.basics.type_map import TypeMap
from nirx.bridging.adapt import adapt_graph
from nirx.bridging.limits import Limits, require_uniform, require_values
from nirx.bridging.membrane import Membrane, Synapse, membrane_of, neuron_node, synapse_of
from nirx.bridging.threshold import threshold_for, threshold_from
from nirx.execution.refusal import NotRepresentable
from nirx.graphs.rules import gather_rules, take_rules, with_rule

EULER = nirx.Discretization(dt=1e-3)
RULES = [
    EULER,
    replace(EULER, integrator="exponential"),
    replace(EULER, initial_v="leak"),
    replace(EULER, synapse_input="jump"),
    replace(EULER, integrator="exponential", synapse_input="jump-then-decay"),
]


def neuron(kind, size=4, seed=0):
    draw = np.random.default_rng(seed).uniform
    tau = {"tau": draw(2e-3, 2e-2, size)} if kind in ("LI", "LIF") else {}
    if kind.startswith("Cuba"):
        tau = {n: draw(2e-3, 2e-2, size) for n in ("tau_mem", "tau_syn")}
        tau["w_in"] = draw(0.5, 2, size)
    values = {**tau, "r": draw(0.5, 2, size)}
    if tau:
        values["v_leak"] = draw(-0.2, 0.3, size)
    if kind.endswith("IF"):
        values |= {"v_threshold": draw(0.5, 1.5, size), "v_reset": draw(-0.3, 0.2, size)}
    return getattr(nir, kind)(**values)


KINDS = ("I", "IF", "LI", "LIF", "CubaLI", "CubaLIF")


def simulate(membrane: Membrane, synapse: Synapse | None, xs: np.ndarray, spiking: bool):
    """The linear step that a membrane stands for, spelled out; resets by value, at once."""
    v = np.broadcast_to(membrane.start, xs.shape[1:]).copy()
    i = np.zeros_like(v)
    out = []
    for x in xs:
        if synapse is not None:
            x = i = synapse.keep * i + synapse.jump * x
        v = membrane.keep * v + membrane.gain * x + membrane.offset
        z = v > membrane.threshold
        out.append(z.astype(float) if spiking else v.copy())
        v = np.where(z, membrane.reset, v) if spiking else v
    return np.stack(out)


def graph_of(node, size=4):
    ports = {
        "input": nir.Input(np.array([size])),
        "n": node,
        "output": nir.Output(np.array([size])),
    }
    return nir.NIRGraph(ports, [("input", "n"), ("n", "output")], type_check=False)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_numbers_of_a_membrane_step_as_nirx_does(kind, rule):
    node = neuron(kind)
    synapse = synapse_of(node, rule) if kind.startswith("Cuba") else None
    gain = 800.0 if kind in ("I", "IF") else 3.0
    xs = gain * np.random.default_rng(1).random((200, 4))
    spiking = kind.endswith("IF")
    ours, _ = nirx.from_nir(graph_of(node), "numpy", rule, "float64").run(xs)
    theirs = simulate(membrane_of(node, rule), synapse, xs, spiking)
    np.testing.assert_allclose(theirs, ours, rtol=1e-9, atol=1e-12)
    assert not spiking or ours.any()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_node_comes_back_from_its_numbers(kind, rule):
    node = neuron(kind)
    synapse = synapse_of(node, rule) if kind.startswith("Cuba") else None
    back = neuron_node(membrane_of(node, rule), rule, kind.endswith("IF"), synapse)
    assert type(back) is type(node)
    if synapse is not None:  # r and w_in are one product in a linear synapse
        np.testing.assert_allclose(back.r * back.w_in, node.r * node.w_in)
    for name in ("tau", "tau_mem", "tau_syn", "r", "w_in", "v_leak", "v_threshold", "v_reset"):
        if hasattr(node, name):
            np.testing.assert_allclose(getattr(back, name), getattr(node, name), err_msg=name)


@given(
    by=st.floats(-2, 2),
    scale=st.floats(0.1, 10),
    kind=st.sampled_from(["IF", "LIF"]),
)
def test_shift_and_scale_are_changes_of_variable(by, scale, kind):
    node, rule = neuron(kind), EULER
    own = membrane_of(node, rule)
    moved = own.shifted(np.asarray(by)).scaled(np.asarray(scale))
    gain = 800.0 if kind == "IF" else 3.0
    xs = gain * np.random.default_rng(2).random((60, 4))
    np.testing.assert_array_equal(simulate(own, None, xs, True), simulate(moved, None, xs, True))
    back = moved.scaled(np.asarray(1 / scale)).shifted(np.asarray(-by))
    for name in vars(own):
        np.testing.assert_allclose(getattr(back, name), getattr(own, name), atol=1e-12)


def test_what_has_no_time_constant_has_no_node():
    zero = np.zeros(2)
    grows = Membrane(zero + 1.1, zero + 1, zero, zero + 1, zero, zero)
    with pytest.raises(nirx.UnsupportedError, match=r"keeps 1.1 of its state.*no time constant"):
        neuron_node(grows, EULER, True)
    biased = Membrane(zero + 1, zero + 1, zero + 0.1, zero + 1, zero, zero)
    with pytest.raises(nirx.UnsupportedError, match="does not leak but has a bias"):
        neuron_node(biased, EULER, True)
    leaky = replace(biased, keep=zero + 0.5)
    with pytest.raises(nirx.UnsupportedError, match="a synapse that keeps 1 "):
        neuron_node(leaky, EULER, True, Synapse(zero + 1, zero + 1))
    jump = replace(EULER, synapse_input="jump-then-decay")
    with pytest.raises(nirx.UnsupportedError, match="keeps nothing of its current"):
        neuron_node(leaky, jump, True, Synapse(zero, zero + 1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("asked", ["gt", "ge"])
@pytest.mark.parametrize("library", ["gt", "ge"])
def test_a_threshold_moves_by_one_number_where_the_library_has_the_other_rule(
    asked, library, dtype
):
    theta = np.array([1.0, 0.1, 7.0], dtype)
    own = threshold_for(theta, replace(EULER, threshold=asked), library, dtype)
    assert own.dtype == dtype
    near = [np.nextafter(theta, np.array(d, dtype)) for d in (-9, 9)]
    for v in (theta, *near):
        wanted = v > theta if asked == "gt" else v >= theta
        given = v > own if library == "gt" else v >= own
        np.testing.assert_array_equal(given, wanted)


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


# -- rules of single nodes -----------------------------------------------------------------


def test_rules_are_taken_off_and_gathered():
    other = replace(EULER, reset="subtract", reset_when="next")
    inner = nir.NIRGraph({"n": with_rule(neuron("LIF"), other)}, [], type_check=False)
    nodes = {
        "a": with_rule(neuron("LIF"), EULER),
        "b": with_rule(neuron("LIF"), EULER),
        "sub": inner,
        "plain": nir.Scale(np.ones(4)),
    }
    rules = take_rules(nodes)
    assert rules == {("a",): EULER, ("b",): EULER, ("sub", "n"): other}
    assert not nodes["a"].metadata
    found = gather_rules(rules)
    assert found == replace(EULER, overrides={"sub/n": {"reset": "subtract", "reset_when": "next"}})
    assert found.at(("sub", "n")) == other
    assert take_rules(nodes) == {}
    assert gather_rules({}) is None


def test_of_equally_many_rules_the_first_by_path_is_the_base():
    other = replace(EULER, reset="none")
    for order in ("ab", "ba"):
        nodes = {n: with_rule(neuron("LIF"), EULER if n == "a" else other) for n in order}
        assert gather_rules(take_rules(nodes)) == replace(EULER, overrides={"b": {"reset": "none"}})


def test_a_graph_has_one_dt():
    rules = {("a",): EULER, ("b",): replace(EULER, dt=1e-4)}
    with pytest.raises(
        nirx.UnsupportedError, match=r"'a' steps with dt=0.001 and 'b' with dt=0.0001"
    ):
        gather_rules(rules)


# -- adapting ------------------------------------------------------------------------------


def _only_subtracts(node, rule):
    Limits("lib.N", ({"reset": ("subtract",)},)).require(rule)
    require_uniform("lib.N", node, "tau")


def test_adapting_says_what_changed_and_leaves_the_graph_alone():
    graph = graph_of(neuron("LIF"))
    before = graph.nodes["n"].tau.copy()
    node_map = TypeMap({nir.LIF: _only_subtracts})
    with pytest.raises(NotRepresentable, match="'n': reset='value'"):
        adapt_graph(graph, nirx.schedule(graph, EULER), node_map)
    found = adapt_graph(graph, nirx.schedule(graph, EULER), node_map, strict=False)
    assert [c.node for c in found.changes] == ["n", "n"]
    assert "reset='subtract'" in str(found.changes[0])
    assert found.discretization == replace(EULER, reset="subtract")
    assert nirx.from_nir(found.graph, "numpy").schedule.discretization == found.discretization
    np.testing.assert_allclose(found.graph.nodes["n"].tau, before.mean())
    np.testing.assert_array_equal(graph.nodes["n"].tau, before)


def _resets_at_once(node, rule):
    Limits("lib.N", ({"reset_when": ("same",), "output": ("new",)},)).require(rule)


LATE = replace(EULER, reset_when="next-leaked")


@pytest.mark.parametrize("kind", ["IF", "LIF", "CubaLIF"])
@pytest.mark.parametrize(
    "choices", [{}, {"reset": "subtract"}, {"threshold": "ge"}, {"spikes": "multi"}]
)
def test_a_reset_before_the_next_leak_is_one_at_once_as_spikes_go(kind, choices):
    graph = graph_of(neuron(kind))
    rule = replace(
        LATE, **{"reset": "subtract"} if choices == {"spikes": "multi"} else {}, **choices
    )
    node_map = TypeMap({type(graph.nodes["n"]): _resets_at_once})
    with pytest.raises(NotRepresentable, match="reset_when='next-leaked'"):
        adapt_graph(graph, nirx.schedule(graph, rule), node_map)
    found = adapt_graph(graph, nirx.schedule(graph, rule), node_map, exactly=True)
    (change,) = found.changes
    assert "has the same spikes" in str(change)
    assert found.discretization == replace(rule, reset_when="same")
    xs = np.random.default_rng(0).random((200, 2, 4)) * (900 if kind == "IF" else 9)
    spikes = [
        nirx.from_nir(g, "numpy", d, "float64").run(xs)[0]
        for g, d in ((graph, rule), (found.graph, found.discretization))
    ]
    assert spikes[0].sum() > 50
    np.testing.assert_array_equal(*spikes)


@pytest.mark.parametrize("choices", [{"reset_when": "next"}, {"initial_v": "leak"}])
def test_other_resets_are_not_the_same_spikes(choices):
    graph = graph_of(neuron("LIF"))
    if choices == {"initial_v": "leak"}:
        graph.nodes["n"].v_leak[...] = graph.nodes["n"].v_threshold + 1
    rule = replace(LATE, **choices)
    node_map = TypeMap({nir.LIF: _resets_at_once})
    with pytest.raises(NotRepresentable, match="reset_when"):
        adapt_graph(graph, nirx.schedule(graph, rule), node_map, exactly=True)


def _puts_out(output):
    def build(node, rule):
        Limits("lib.N", ({"output": (output,)},)).require(rule)

    return TypeMap({nir.LIF: build})


OLD = replace(EULER, reset="subtract", reset_when="next", output="old")


def _bits(graph, rule):
    xs = 9 * np.random.default_rng(0).random((60, 2, 4))
    ys, _ = nirx.from_nir(graph, "numpy", rule, "float64").run(xs)
    assert ys.any()
    return ys


def test_a_late_output_is_a_delay_and_back():
    graph = graph_of(neuron("LIF"))
    with pytest.raises(NotRepresentable, match="output='old'"):
        adapt_graph(graph, nirx.schedule(graph, OLD), _puts_out("new"))
    late = adapt_graph(graph, nirx.schedule(graph, OLD), _puts_out("new"), exactly=True)
    assert [(c.node, c.exact) for c in late.changes] == [("n", True)]
    assert late.moved == {"n": "n/delay"}
    np.testing.assert_array_equal(_bits(graph, OLD), _bits(late.graph, late.discretization))
    schedule = nirx.schedule(late.graph, late.discretization)
    back = adapt_graph(late.graph, schedule, _puts_out("old"), exactly=True)
    assert back.moved == {"n/neuron": ""}
    np.testing.assert_array_equal(_bits(graph, OLD), _bits(back.graph, back.discretization))
    assert isinstance(graph.nodes["n"], nir.LIF)


def test_a_late_output_in_a_cycle_or_after_a_loud_start_stays_refused():
    looped = graph_of(neuron("LIF"))
    looped.nodes["back"] = nir.Linear(np.eye(4))
    looped.edges += [("n", "back"), ("back", "n")]
    loud = graph_of(neuron("LIF"))
    loud.nodes["n"].v_leak[...] = 9.0
    for graph, rule in ((looped, OLD), (loud, replace(OLD, initial_v="leak"))):
        with pytest.raises(NotRepresentable, match="output='old'"):
            adapt_graph(graph, nirx.schedule(graph, rule), _puts_out("new"), exactly=True)


def test_what_fits_is_not_changed():
    graph = graph_of(neuron("LIF"))
    found = adapt_graph(
        graph, nirx.schedule(graph, EULER), TypeMap({nir.LIF: lambda node, rule: None})
    )
    assert found.changes == ()
    assert found.discretization == EULER
    assert nirx.same_graph(found.graph, graph)


def test_a_refusal_without_anything_near_is_final():
    def refuse(node):
        raise NotRepresentable("this", "nothing like it")

    graph = graph_of(neuron("LIF"))
    with pytest.raises(NotRepresentable, match="'n': this; nothing like it"):
        adapt_graph(graph, nirx.schedule(graph, EULER), TypeMap({nir.LIF: refuse}), strict=False)


@pytest.mark.parametrize("asked", ["gt", "ge"])
@pytest.mark.parametrize("library", ["gt", "ge"])
def test_a_threshold_comes_back_from_a_library(asked, library):
    theta = np.array([1.0, 0.1, 7.0], np.float32)
    rule = replace(EULER, threshold=asked)
    back = threshold_from(threshold_for(theta, rule, library, "float32"), rule, library)
    np.testing.assert_array_equal(back, theta.astype(np.float64))
