"""Layers of neurons: a fused loop has the bits of the steps one by one."""

import itertools

import nir
import numpy as np
import pytest

from nirx.execution.kernels import printing
from nirx.execution.kernels.compiled import compile_kernel
from nirx.execution.kernels.scan import scan_source
from support.agreement import assert_bits
from support.examples import EXAMPLES
from support.graphs import lif, line, make_graph
from support.kernels import pair

NEURONS = ("I", "LI", "IF", "LIF", "CubaLI", "CubaLIF")
CHOICES = {
    "default": {},
    "counts": {"spikes": "multi", "reset": "subtract", "threshold": "ge", "max_spikes": 3},
    "next": {"reset_when": "next", "integrator": "exponential", "output": "old"},
    "leaked": {"reset_when": "next-leaked", "synapse": "voltage-first", "initial_v": "leak"},
    "gain": {"input_gain": "euler", "integrator": "exponential", "reset": "none"},
}
STEPS = 40
SPECIAL = (np.nan, np.inf, -np.inf, 1e-40, -0.0, 1e30, 2e-31)


def one(kind):
    build, takes, _ = EXAMPLES[kind]
    return make_graph(line("input", "n", "output"), np.array(takes), n=build())


def normal(*shape):
    """Input that makes neurons spike now and then."""
    return (30 * np.random.default_rng(0).standard_normal(shape)).astype("f4")


def with_special_values(*shape):
    xs = normal(*shape)
    xs.reshape(-1)[5 :: xs.size // len(SPECIAL)][: len(SPECIAL)] = SPECIAL
    return xs


def every_case():
    """CubaLIF has every operation of the others, and reproducible mode those of fast mode; the rest
    is for `make test-all` but for one each."""
    for kind, (name, choices), reproducible in itertools.product(
        NEURONS, CHOICES.items(), [False, True]
    ):
        quick = reproducible if kind == "CubaLIF" else reproducible and name == "default"
        marks = [] if quick else pytest.mark.exhaustive
        mode = "reproducible" if reproducible else "fast"
        yield pytest.param(kind, choices, reproducible, marks=marks, id=f"{kind}-{name}-{mode}")


@pytest.mark.parametrize(("kind", "choices", "reproducible"), [*every_case()])
@pytest.mark.filterwarnings("ignore::nirx.NirxWarning")
@pytest.mark.sampled(3)
def test_the_bits_of_the_steps(kind, choices, reproducible):
    plain, fused = pair(one(kind), reproducible=reproducible, **choices)
    assert [c.how for c in fused.plan.choices] == ["plain", "fused", "plain"]
    xs = with_special_values(STEPS, 2, 3)
    assert_bits(fused.run(xs, record="all"), plain.run(xs, record="all"))
    # From a state, in several chunks, without recordings.
    _, state = plain.run(xs)
    assert_bits(fused.run(xs, state, chunk=7), plain.run(xs, state, chunk=7))


@pytest.mark.parametrize("batch", [(), (1,), (3, 2), (0,)], ids=str)
@pytest.mark.parametrize("features", [(1,), (5,), (2, 3, 4), (130,)], ids=str)
def test_any_shape_of_batch_and_features(features, batch):
    node = nir.LIF(
        tau=np.full(features, 0.05),
        r=np.linspace(1, 2, np.prod(features)).reshape(features),
        v_leak=np.zeros(features),
        v_threshold=np.full(features, 0.7),
    )
    graph = make_graph(line("input", "n", "output"), np.array(features), n=node)
    plain, fused = pair(graph)
    xs = np.random.default_rng(1).standard_normal((STEPS, *batch, *features)).astype("f4")
    assert_bits(fused.run(xs, record="all"), plain.run(xs, record="all"))


def test_parameters_broadcast():
    node = lif((2, 3, 4))
    node.tau, node.v_leak = np.array(0.05), np.zeros((1, 3, 1))
    node.r = np.array([[[2.0]], [[3.0]]])
    graph = make_graph(line("input", "n", "output"), np.array((2, 3, 4)), n=node)
    plain, fused = pair(graph)
    xs = np.random.default_rng(1).standard_normal((STEPS, 2, 2, 3, 4)).astype("f4")
    assert_bits(fused.run(xs), plain.run(xs))


def test_nothing_passed_in_changes():
    _, fused = pair(one("CubaLIF"))
    xs = normal(STEPS, 2, 3)
    _, state = fused.run(xs)
    before = {name: value.copy() for name, value in state["n"].items()}
    copy = xs.copy()
    fused.run(xs, state)
    np.testing.assert_array_equal(xs, copy)
    for name, value in state["n"].items():
        np.testing.assert_array_equal(value, before[name])


def test_threads_change_nothing(monkeypatch):
    xs = np.random.default_rng(0).standard_normal((STEPS, 8, 3)).astype("f4")
    _, fused = pair(one("LIF"))
    expected = fused.run(xs)
    monkeypatch.setattr("nirx.execution.kernels.threads.WORTH_IT", 1)
    monkeypatch.setattr("nirx.execution.kernels.threads.thread_count", lambda: 3)
    monkeypatch.setattr("nirx.execution.kernels.scan.thread_count", lambda: 3)
    assert_bits(fused.run(xs), expected)
    narrow = xs[:, :1]
    assert_bits(fused.run(narrow)[0], expected[0][:, :1])


@pytest.fixture
def forgotten():
    """No printed text is remembered from other tests, nor for them."""
    scan_source.cache_clear()
    yield
    scan_source.cache_clear()


@pytest.mark.parametrize(
    "change",
    [{"sub": "+"}, {"mul": "/"}],
    ids=["wrong operation", "another wrong operation"],
)
def test_a_wrong_printer_is_noticed(change, monkeypatch, forgotten):
    """These tests would fail if the printer wrote something else."""
    monkeypatch.setattr(printing, "BINARY", {**printing.BINARY, **change})
    plain, fused = pair(one("LIF"))
    xs = normal(STEPS, 2, 3)
    (found, expected) = (net.run(xs, record=["n.v"])[2]["n.v"] for net in (fused, plain))
    assert not np.array_equal(found, expected)


def test_a_contracted_product_is_noticed():
    """One rounding fewer per step (a fused multiply-add) shows in the bits."""
    source = (
        "def kernel(a, y):\n"
        "    for i in range(a.shape[0]):\n"
        "        y[i] = np.float32(np.float64(a[i]) * np.float64(a[i]) + np.float64(a[i]))\n"
    )
    a = np.random.default_rng(0).random(1000).astype("f4")
    y = np.empty_like(a)
    compile_kernel(source, ("float32[::1]", "float32[::1]"))(a, y)
    assert not np.array_equal(y, a * a + a)
