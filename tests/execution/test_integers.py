"""Networks in the integers of chips: the same on every backend, with kernels and without."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false, reportCallIssue=false

import itertools
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx_conformance.oracle import integers
from support.graphs import line, make_graph

SIZE = 3
RULE = nirx.Discretization(dt=1.0, reset="subtract", arithmetic=nirx.Arithmetic())

HARSH = {
    "multiply": {"membrane_bits": 10, "synapse_bits": 9, "weight_shift": 2},
    "wrap": {
        "membrane_overflow": "wrap",
        "synapse_overflow": "wrap",
        "limits": "symmetric",
        "membrane_bits": 9,
        "synapse_bits": 8,
    },
    "shift": {"decay": "shift", "membrane_change": "saturate", "membrane_bits": 9},
    "nearest": {
        "decay_rounding": "nearest",
        "decay_value": "down",
        "decay_bits": 5,
        "weight_shift": -1,
        "bias_shift": 1,
        "input_shift": 1,
    },
    "down": {"decay_rounding": "down", "membrane_lowest": -5, "threshold_shift": 1},
}


def looped():
    """Two neurons in a cycle, with a synapse, a bias and a readout."""
    random = np.random.default_rng(0)

    def weight(rows, columns):
        return random.integers(-30, 60, (rows, columns)).astype("f4")

    whole = np.full(SIZE, 8.0)
    zero = np.zeros(SIZE)
    return make_graph(
        [
            *line("input", "fc", "a", "forth", "b", "out", "li", "output"),
            ("b", "back"),
            ("back", "a"),
        ],
        np.array([2]),
        fc=nir.Affine(weight(SIZE, 2), random.integers(-9, 9, SIZE).astype("f4")),
        a=nir.CubaLIF(whole / 2, whole, whole, zero + 16, zero + 60, zero - 5, whole / 2),
        forth=nir.Linear(weight(SIZE, SIZE)),
        b=nir.LIF(whole, whole, zero, zero + 50, zero),
        back=nir.Linear(weight(SIZE, SIZE)),
        out=nir.Linear(weight(2, SIZE)),
        li=nir.LI(np.full(2, 16.0), np.full(2, 16.0), np.zeros(2)),
        output=nir.Output({"output": np.array([2])}),
    )


def inputs():
    return np.random.default_rng(1).integers(0, 3, (60, 4, 2))


BACKENDS = (
    "numpy",
    "nirx.execution.numpy_backend:FUSED",
    "torch",
    "nirx_torch.backend:FUSED",
    "jax",
)


def every_case():
    """By default one reset of three is enough, and all of them in kernels for some choices."""
    for (backend, (number, choices)), reset in itertools.product(
        itertools.product(BACKENDS, enumerate(HARSH)), ("same", "next", "next-leaked")
    ):
        quick = reset == "same" or (backend == BACKENDS[1] and number % 3 == 0)
        yield pytest.param(backend, choices, reset, marks=[] if quick else pytest.mark.exhaustive)


@pytest.mark.parametrize(("backend", "choices", "reset_when"), [*every_case()])
def test_every_backend_gives_the_integers_of_the_oracle(backend, choices, reset_when):
    rule = nirx.Discretization(
        dt=1.0,
        reset="subtract",
        reset_when=reset_when,
        spikes="multi",
        max_spikes=3,
        arithmetic=nirx.Arithmetic(**HARSH[choices]),
    )
    expected = integers.run(looped(), rule, inputs())
    assert np.any(expected.recordings["b"])
    run = nirx.find_backend(backend).prepare(looped(), rule)
    ys, state, recorded = run(inputs(), None, "all")
    assert ys.dtype == np.int64
    assert all(array.dtype == np.int64 for array in recorded.values())
    assert integers.difference(expected, recorded, state) is None


def test_steps_and_chunks_and_states():
    net = nirx.from_nir(looped(), "numpy", RULE)
    whole, last, recorded = net.run(inputs(), record=["b.v_overflows", "a.i"])
    chunked, _ = net.run(inputs(), chunk=7)
    np.testing.assert_array_equal(whole, chunked)
    state: Any = None
    for x, y in zip(inputs(), whole, strict=True):
        found, state = net(x, state)
        np.testing.assert_array_equal(found, y)
    np.testing.assert_array_equal(state["a"]["i"], last["a"]["i"])
    assert last["b"]["v_overflows"].dtype == np.int64
    half, middle = net.run(inputs()[:30])
    np.testing.assert_array_equal(net.run(inputs()[30:], middle)[0], whole[30:])
    np.testing.assert_array_equal(half, whole[:30])
    assert recorded["a.i"].dtype == np.int64


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"fc": nir.Linear(np.array([[0.5, 1], [1, 1], [1, 1]]))}, r"a weight at \[0, 0\] is 0.5"),
        ({"fc": nir.Linear(np.array([[1, 1], [1, 128], [1, 1]]))}, "is 128; expected -128 to 127"),
        (
            {"b": nir.LIF(np.full(3, 8.0), np.full(3, 8.0), np.zeros(3), np.full(3, 1.5))},
            "v_threshold at .* is 1.5, and 2",
        ),
        ({"b": nir.LIF(np.full(3, 8.0), np.ones(3), np.zeros(3), np.ones(3))}, "the gain .* 0.125"),
    ],
)
def test_what_is_not_whole_is_refused(node, message):
    graph = looped()
    graph.nodes.update(node)
    with pytest.raises(nirx.GraphError, match=message) as error:
        nirx.from_nir(graph, "numpy", RULE)
    assert "nirx.quantize" in str(error.value)


def test_an_average_over_three_values_is_refused():
    graph = make_graph(
        line("input", "pool", "output"),
        np.array([1, 3, 3]),
        pool=nir.AvgPool2d(np.array([1, 3]), np.array([1, 1]), np.array([0, 0])),
        output=nir.Output({"output": np.array([1, 3, 1])}),
    )
    with pytest.raises(nirx.GraphError, match="a window of 3 values"):
        nirx.schedule(graph, RULE)


def test_fractions_as_input_are_refused():
    net = nirx.from_nir(looped(), "numpy", RULE)
    with pytest.raises(nirx.InputError, match="float32"):
        net.run(inputs().astype("f4"))


def chained(*nodes, size=1):
    names = [f"n{k}" for k in range(len(nodes))]
    return make_graph(
        line("input", *names, "output"),
        np.array([size]),
        output=nir.Output(np.array([size])),
        **dict(zip(names, nodes, strict=True)),
    )


LARGE = nirx.Discretization(dt=1.0, arithmetic=nirx.Arithmetic(weight_bits=32, weight_shift=5))
MOST = np.full((1, 1), 2.0**31 - 1)


def test_products_of_products_that_may_round_are_refused():
    graph = chained(nir.Linear(MOST), nir.Linear(MOST))
    with pytest.raises(nirx.GraphError, match=r"n1: its sums can reach .* below 2\*\*53"):
        nirx.from_nir(graph, "numpy", LARGE)
    spiking = nir.LIF(*np.full((2, 1), 8.0), np.zeros(1), np.ones(1))
    nirx.from_nir(chained(nir.Linear(MOST), spiking, nir.Linear(MOST)), "numpy", LARGE)


def test_the_largest_count_of_spikes_is_known():
    neuron = nir.LIF(*np.full((2, 1), 8.0), np.zeros(1), np.ones(1))
    scales = nir.Scale(np.array([2.0**37])), nir.Scale(np.array([4.0]))
    graph = chained(neuron, *scales)

    def build(**choices):
        return nirx.from_nir(
            graph,
            "numpy",
            nirx.Discretization(dt=1.0, arithmetic=nirx.Arithmetic(), spikes="multi", **choices),
        )

    build(max_spikes=2**13)
    with pytest.raises(nirx.GraphError, match="n2: its sums can reach"):
        build(max_spikes=2**14)
    with pytest.raises(nirx.GraphError, match=r"n2: its sums can reach 1\.801e\+16"):
        build()


def test_a_loop_that_adds_up_without_end_is_refused():
    graph = make_graph(
        [*line("input", "delay", "output"), ("delay", "delay")],
        np.array([1]),
        delay=nir.Delay(np.ones(1)),
        output=nir.Output(np.array([1])),
    )
    with pytest.raises(nirx.GraphError, match="in a loop without a neuron"):
        nirx.from_nir(graph, "numpy", RULE)


@pytest.mark.parametrize("decay", ["multiply", "shift"])
def test_a_decay_by_more_than_all_is_refused(decay):
    graph = chained(nir.LI(*np.full((2, 1), 0.25), np.zeros(1)))
    rule = nirx.Discretization(dt=1.0, arithmetic=nirx.Arithmetic(decay=decay))
    with pytest.warns(nirx.NirxWarning), pytest.raises(nirx.GraphError, match="decays by 4 of"):
        nirx.from_nir(graph, "numpy", rule)


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_inputs_that_may_round_are_refused(backend):
    run = nirx.find_backend(backend).prepare(chained(nir.Linear(MOST)), LARGE)
    assert run(np.full((1, 1), 2**16), None, ())[0].item() == (2**31 - 1) << 21
    with pytest.raises(nirx.InputError, match=r"input.* has -131,073; .* up to 131,072"):
        run(np.full((1, 1), -(2**17) - 1), None, ())
    with pytest.raises(nirx.InputError, match=r"is 0.5 at .*expected whole numbers"):
        run(np.full((1, 1), 0.5), None, ())
    with pytest.raises(nirx.InputError, match="is nan at "):
        run(np.full((1, 1), np.nan), None, ())


def test_an_input_has_a_shift_of_its_own():
    one = np.array([1])
    nodes = {"a": nir.Input(one), "b": nir.Input(one), "out": nir.Output(one)}
    graph = nir.NIRGraph(nodes, [("a", "out"), ("b", "out")])
    rule = nirx.Discretization(
        dt=1.0,
        arithmetic=nirx.Arithmetic(input_shift=1),
        overrides={"b": {"arithmetic": {"input_shift": 3}}},
    )
    ys, _ = nirx.from_nir(graph, "numpy", rule).run(
        {"a": np.ones((1, 1), int), "b": np.ones((1, 1), int)}
    )
    assert ys.item() == 2 + 8
