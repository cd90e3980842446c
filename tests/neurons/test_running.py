"""`nirx.Neuron` on every backend."""

import numpy as np
import pytest
import torch

import nirx
from nirx import formulas as f
from nirx_conformance.strategies import random_case
from support.graphs import line, make_graph
from support.neurons import adaptive, alone, every_operation, in_a_loop
from support.running import BACKENDS, DTYPES, Running

RULE = nirx.Discretization(dt=1.0)
INTEGERS = nirx.PRESETS["loihi"]


def drive(*shape, high=5.0):
    return np.random.default_rng(0).random(shape) * high


def by_hand(xs):
    """The spikes and last state of `adaptive`, in NumPy and float64."""
    tau, v, a, ys = np.linspace(3, 8, 4), np.zeros((3, 4)), np.full((3, 4), 0.5), []
    for x in xs:
        v = v + (x - v) / tau - 0.1 * a
        z = (v > 1.0 + 1.8 * a).astype(float)
        v, a = np.where(z, 0.0, v), a * np.exp(-1 / 20) + z
        ys.append(z)
    return np.array(ys), v, a


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_is_what_a_loop_by_hand_gives(backend):
    xs = drive(200, 3, 4)
    ys, state, recorded = Running(backend, alone(adaptive()), RULE, "float64").run(xs)
    spikes, v, a = by_hand(xs)
    assert spikes.sum() > 50
    np.testing.assert_array_equal(ys, spikes)
    np.testing.assert_allclose(state["n"]["v"], v, atol=1e-12)
    np.testing.assert_allclose(state["n"]["a"], a, atol=1e-12)
    assert recorded["n.a"].shape == (200, 3, 4)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        pytest.param("operations", DTYPES[0], marks=pytest.mark.exhaustive),
        pytest.param("operations", DTYPES[1], marks=pytest.mark.slow),
        *(("loop", d) for d in DTYPES),
    ],
)
@pytest.mark.sampled(2)
def test_reproducible_mode_has_the_same_bits_everywhere(name, dtype):
    graph = in_a_loop() if name == "loop" else alone(every_operation(reproducible=True))
    xs = drive(60, 2, 4) - (1.0 if name == "operations" else 0.0)
    found = []
    for backend in BACKENDS:
        for execution in ("plain", "fused") if backend != "jax" else ("auto",):
            options = {"reproducible": True, "execution": execution}
            ys, state, recorded = Running(backend, graph, RULE, dtype, **options).run(xs)
            assert np.abs(ys).sum() > 0
            found.append(nirx.digest({"ys": ys, "state": state, "recorded": recorded}))
    assert len(set(found)) == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_operation_in_fast_mode(backend):
    xs = drive(50, 2, 4) - 1
    ys, _, _ = Running(backend, alone(every_operation()), RULE, "float64").run(xs)
    plain, _, _ = Running("numpy", alone(every_operation()), RULE, "float64").run(xs)
    np.testing.assert_allclose(ys, plain, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("which", ["loop", "operations"])
def test_fused_gradients_are_those_of_the_steps(which):
    graph = in_a_loop() if which == "loop" else alone(every_operation())
    xs = torch.from_numpy(drive(40, 3, 4) - (0.0 if which == "loop" else 1.0)).requires_grad_()

    def gradients(execution):
        net = nirx.from_nir(graph, "torch", RULE, "float64", execution=execution)
        ys, _, recorded = net.run(xs, record="all")
        loss = sum((r * r).sum() for r in recorded.values()) + (ys * torch.arange(4.0)).sum()
        parameters = net.parameters()  # pyright: ignore[reportAttributeAccessIssue]
        return torch.autograd.grad(loss, [xs, *parameters])

    for own, other in zip(gradients("fused"), gradients("plain"), strict=True):
        assert float(own.abs().max()) > 0
        torch.testing.assert_close(own, other, rtol=1e-11, atol=1e-11)


def test_reproducible_mode_refuses_what_has_no_fixed_sequence():
    for function in (f.log, lambda u: f.power(u, 1.5)):
        node = nirx.neuron(lambda x, s, p, g=function: (g(s.u), {"u": x}), states={"u": 1.0})
        with pytest.raises(nirx.UnsupportedError, match="has no fixed sequence of operations"):
            Running("numpy", alone(node), RULE, reproducible=True).run(drive(3, 4))


def test_results_that_depend_on_nothing_have_the_axes_of_the_batch():
    node = nirx.neuron(
        lambda x, s, p: (p.a, {"u": 2.0, "w": x}), parameters={"a": 3.0}, states={"u": 0, "w": 0}
    )
    for backend in BACKENDS:
        ys, state, recorded = Running(backend, alone(node), RULE).run(drive(5, 2, 4))
        np.testing.assert_array_equal(ys, np.full((5, 2, 4), 3.0))
        np.testing.assert_array_equal(state["n"]["u"], np.full((2, 4), 2.0))
        assert recorded["n.u"].shape == (5, 2, 4)


def test_initial_values_may_differ_by_neuron_and_parameters_by_channel():
    start = np.arange(12.0).reshape(3, 2, 2)
    node = nirx.neuron(
        lambda x, s, p: (s.u, {"u": s.u * p.k + x}),
        parameters={"k": np.array([0.5, 1.0, 2.0])[:, None, None]},
        states={"u": start},
    )
    ys, _, _ = Running("torch", alone(node, (3, 2, 2)), RULE, "float64").run(np.zeros((2, 3, 2, 2)))
    np.testing.assert_array_equal(ys[0], start)
    np.testing.assert_array_equal(ys[1], start * np.array([0.5, 1.0, 2.0])[:, None, None])


@pytest.mark.filterwarnings("ignore::nirx.NirxWarning")
def test_neurons_of_nir_as_expressions_have_the_same_bits():
    for seed in range(12):
        case = random_case(seed)
        expressed = nirx.expressed(case.graph, case.discretization)
        found = []
        for graph in (case.graph, expressed):
            net = nirx.from_nir(graph, "numpy", case.discretization, "float64", reproducible=True)
            ys, state = net.run(case.inputs)
            found.append(nirx.digest({"ys": ys, "state": state}))
        assert found[0] == found[1]
        assert all(p.type_name == "Neuron" for p in net.schedule.nodes if p.neuron)


def test_shapes_that_do_not_fit_are_refused():
    graph = make_graph(line("input", "n", "output"), takes=5, n=adaptive(4))
    with pytest.raises(nirx.GraphError, match=r"n: the input has shape \(5,\), but tau has shape"):
        nirx.check(graph)


def test_integers_and_calibration_are_refused_by_name():
    with pytest.raises(nirx.NirxError, match=r"n: its dynamics .* are not defined in integers"):
        nirx.schedule(alone(adaptive()), INTEGERS)
