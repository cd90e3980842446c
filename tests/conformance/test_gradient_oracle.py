"""The oracle of gradients: finite differences where a network is smooth, numbers by hand where it
spikes."""

from __future__ import annotations

import copy
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.dynamics import surrogate_formulas
from nirx.execution.node_surrogates import resolve_surrogate
from nirx.graphs.flatten import walk_graphs
from nirx_conformance import oracle
from nirx_conformance.cases.case import chain, neuron, uniform
from nirx_conformance.cases.gradient_case import OBJECTS
from nirx_conformance.cases.gradients import GRADIENT_CASES
from nirx_conformance.oracle.gradients import FORMULAS, Backward, Choice, Cotangents, formula_of
from nirx_conformance.oracle.gradients.surrogates import WITH_NUMBERS
from nirx_conformance.oracle.state_tree import state_tree
from nirx_conformance.suite.judge_gradients import expect_gradients, smallest_margin
from nirx_conformance.suite.random_graphs import gradient_case_named

SPIKING = {"IF", "LIF", "CubaLIF", "Threshold"}
SMOOTH = [case for case in GRADIENT_CASES if not SPIKING & set(case.types)]
QUICK = (
    *("neuron I", "neuron LI", "neuron CubaLI", "choice old CubaLI", "choice voltage-first CubaLI"),
    *("choice jump CubaLI", "choice jump-then-decay CubaLI", "choice from-leak LI"),
    *(
        "choice exponential LI",
        "gain of Euler LI",
        "gain of Euler CubaLI",
        "feedback self-loop of LI",
    ),
    *("affine 2 x 3 x 4", "scale parameter a column", "conv1d all at once", "conv2d all at once"),
    *("avg-pool padded", "sum-pool overlapping", "flatten the last two", "delay matrix"),
    *("state of LI", "state of a Delay", "delay alone in a ring"),
)
STEP = 1e-6
"""Relative to the largest magnitude of an array; the error is of its square's order."""


def loss(case, graph, inputs, weights, start):
    """The weighted sum of what the oracle's forward run gives, from any state."""
    backward = Backward(graph, case.discretization, Choice("arctan"))
    network = backward.network
    given = network.inputs_by_path(inputs)
    first = next(iter(given))
    batch = given[first].shape[1 : given[first].ndim - len(network.shapes[first])]
    tape, states, carried = backward.forwards(given, len(given[first]), batch, start)
    total = 0.0
    single = not isinstance(weights.outputs, dict)
    outputs = {network.outputs[0][0]: weights.outputs} if single else weights.outputs
    after = [moment.states for moment in tape[1:]] + [states]
    for t, moment in enumerate(tape):
        for path, value in moment.values.items():
            key = oracle.path_text(path)
            total += np.sum(value * weights.recordings[key][t])
            if path in network.outputs:
                total += np.sum(value * outputs[path[0]][t])
        for path, state in after[t].items():
            for name, value in state.items():
                key = f"{oracle.path_text(path)}.{name}"
                total += np.sum(value * weights.recordings.get(key, np.zeros(len(tape)))[t])
    last = state_tree(states, carried)
    return total + inner(last, weights.state)


def inner(one: Any, other: Any) -> Any:
    if isinstance(one, dict):
        return sum((inner(one[key], other[key]) for key in one), 0.0)
    return np.sum(one * other)


def places(graph):
    """The trainable arrays of a graph: (path text.name, node, name)."""
    for path, own, _ in walk_graphs(graph):
        for name, node in own.nodes.items():
            for key, value in vars(node).items():
                if isinstance(value, np.ndarray) and value.dtype.kind == "f" and key != "delay":
                    yield f"{oracle.path_text((*path, name))}.{key}", node, key


def agree(found, value, evaluate, rng):
    """A directional derivative, by differences to both sides."""
    direction = rng.uniform(-1, 1, value.shape)
    h = STEP * max(1e-3, np.abs(value).max(initial=0.0))
    slope = (evaluate(value + h * direction) - evaluate(value - h * direction)) / (2 * h)
    size = np.abs(found).sum() + 1e-9
    assert abs(slope - np.sum(found * direction)) < 1e-5 * size


def smooth_cases():
    for case in SMOOTH:
        yield pytest.param(
            case, id=case.name, marks=[pytest.mark.exhaustive] * (case.name not in QUICK)
        )


def test_the_quick_cases_exist():
    assert set(QUICK) <= {case.name for case in SMOOTH}


@pytest.mark.parametrize("case", [*smooth_cases()])
def test_finite_differences(case):
    fixed, expected = case.case, expect_gradients(case)
    rng, start = np.random.default_rng(5), expected.start
    for key, gradient in expected.gradients.inputs.items():
        whole = fixed.inputs if isinstance(fixed.inputs, dict) else {key: fixed.inputs}

        def with_input(value, key=key, whole=whole):
            return loss(fixed, fixed.graph, {**whole, key: value}, expected.weights, start)

        agree(gradient, np.asarray(whole[key], float), with_input, rng)
    graph = copy.deepcopy(fixed.graph)
    for key, node, name in places(graph):
        if key not in expected.gradients.parameters:
            continue
        value = getattr(node, name)

        def with_parameter(new, node=node, name=name):
            setattr(node, name, new)
            return loss(fixed, graph, fixed.inputs, expected.weights, start)

        agree(expected.gradients.parameters[key], value, with_parameter, rng)
        setattr(node, name, value)
    to_state = expected.gradients.state
    if start is None or to_state is None:
        return
    for path, state in start.items():
        for name in state:

            def with_state(new, path=path, name=name):
                changed = {**start, path: {**start[path], name: new}}
                return loss(fixed, fixed.graph, fixed.inputs, expected.weights, changed)

            if not isinstance(state[name], dict):
                agree(to_state[path][name], state[name], with_state, rng)


def backward(node, xs, detach=False, surrogate="triangular", **choices):
    """The gradients of the sum of the outputs of one node, for inputs [time, 1]; dt is 1."""
    xs = np.asarray(xs, float)[:, None]
    rule = nirx.Discretization(dt=1.0, **choices)
    run = Backward(chain((1,), (1,), node), rule, Choice(surrogate, detach)).run
    return run(xs, Cotangents(np.ones_like(xs)))


def integrate_and_fire():
    return nir.IF(np.array([1.0]), np.array([1.0]), np.array([0.25]))


@pytest.mark.parametrize("detach", [False, True])
def test_two_steps_by_hand(detach):
    # v1 = 1.5 spikes (u = 0.5, slope 0.5) and is reset to 0.25; v2 = 0.25 + 0.5 (u = -0.25, 0.75).
    found = backward(integrate_and_fire(), [1.5, 0.5], detach)
    through = 0.0 if detach else 0.75 * (0.25 - 1.5)  # of z1, by the reset into v2
    to_u1, to_u2 = 0.5 * (1 + through), 0.75
    assert found.inputs["input"][:, 0] == pytest.approx([to_u1, to_u2])
    assert found.parameters["n0.v_threshold"] == pytest.approx([-to_u1 - to_u2])
    assert found.parameters["n0.v_reset"] == pytest.approx([0.75])
    assert found.parameters["n0.r"] == pytest.approx([1.5 * to_u1 + 0.5 * to_u2])


def test_a_subtraction_by_hand():
    # v1 = 1.5 spikes and becomes 0.5; v2 = 1.0 does not (slope 1): v1 passes its gradient on.
    found = backward(integrate_and_fire(), [1.5, 0.5], reset="subtract")
    to_u1 = 0.5 * (1 - 1.0) + 1.0
    assert found.inputs["input"][:, 0] == pytest.approx([to_u1, 1.0])
    assert found.parameters["n0.v_threshold"] == pytest.approx([-0.5 * (1 - 1.0) - 1.0 - 1.0])
    assert found.parameters["n0.v_reset"] == pytest.approx([0.0])


def test_a_loop_by_hand():
    lif = neuron(nir.LI, 3, 1, tau=2.0, r=1.0, v_leak=0.0)
    graph = chain((1,), (1,), lif)
    graph.edges.append(("n0", "n0"))
    run = Backward(graph, nirx.Discretization(dt=1.0), Choice("arctan")).run
    # v' = v + (x + v - v)/2: the feedback of v cancels the leak.
    found = run(np.ones((3, 1)), Cotangents(np.ones((3, 1))))
    assert found.inputs["input"][:, 0] == pytest.approx([1.5, 1.0, 0.5])


@pytest.mark.parametrize(
    "surrogate",
    [*FORMULAS, *OBJECTS.values()],
    ids=[*FORMULAS, *(f"object {name}" for name in OBJECTS)],
)
def test_the_formulas_are_those_of_nirx(surrogate):
    u = uniform(1, 50, low=-1.5, high=1.5)
    expected = resolve_surrogate(surrogate)(u)
    np.testing.assert_allclose(formula_of(surrogate)(u), expected, rtol=1e-14, atol=1e-15)


def test_the_oracle_has_every_formula_with_numbers():
    assert list(WITH_NUMBERS) == [*surrogate_formulas.FORMULAS]
    assert {own.name for own in OBJECTS.values() if hasattr(own, "name")} == {*WITH_NUMBERS}


@pytest.mark.parametrize(
    "cases",
    [GRADIENT_CASES[::20], pytest.param(GRADIENT_CASES, marks=pytest.mark.exhaustive)],
    ids=len,
)
def test_rounding_decides_on_no_spike_of_a_case(cases):
    close = [c.name for c in cases if smallest_margin(expect_gradients(c).margins) < 1e-9]
    assert not close


def test_a_random_case_ends_before_a_tie():
    for seed in range(5):
        case = gradient_case_named(f"random {seed}")
        assert smallest_margin(expect_gradients(case).margins) >= 1e-9
