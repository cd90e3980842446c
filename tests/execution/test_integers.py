"""Networks in the integers of chips: the same on every backend, with kernels and without."""

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
    """On JAX, which compiles each, one of three is enough by default."""
    for backend, choices, reset in itertools.product(
        BACKENDS, HARSH, ("same", "next", "next-leaked")
    ):
        quick = backend != "jax" or reset == "same"
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
