"""Generators: they follow their documented rule in any read."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nirx
from nirx.errors import InputError, NirxWarning
from nirx.graphs.schedule import schedule
from nirx.inputs import source_for
from support.inputs import STEP, spiking_graph, two_inputs

GRAPH = spiking_graph((2, 3, 2))
ONE, TWO = schedule(GRAPH, STEP), schedule(two_inputs(), STEP)
TEXTS = [
    "poisson:rate=0.3,height=2.5",
    "poisson:low=0,high=1",
    "regular:period=7",
    "ramp:low=-1,high=1",
    "pulses:every=3",
    "corners",
]


@pytest.fixture(scope="module", params=TEXTS)
def made(request):
    source = source_for(ONE, request.param, "float32", graph=GRAPH, batch=3)
    return source, source.read(0, source.steps)["input"]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_steps_are_the_same_in_any_read(made, data):
    source, whole = made
    a, b = sorted(data.draw(st.tuples(*[st.integers(0, source.steps)] * 2)))
    found = source.read(a, b)["input"]
    assert found.dtype == np.float32
    assert np.array_equal(found, whole[a:b])


def test_numbers_are_finite_and_have_the_right_shape(made):
    source, whole = made
    assert whole.shape == (source.steps, 3, 2, 3, 2)
    assert whole.flags.writeable
    assert np.isfinite(whole).all()
    assert whole.any()
    assert json.loads(json.dumps(source.identity)) == source.identity


def test_poisson_is_the_documented_stream():
    source = source_for(TWO, "poisson:low=0.2,high=0.8", "float64", steps=50, batch=(3,), seed=7)
    found = source.read(0, 50)
    rates = 0.2 + (0.8 - 0.2) * np.arange(4) / 3
    for name in ("a", "b"):
        key = hashlib.sha256(json.dumps(["poisson", 7, name]).encode()).digest()[:16]
        bits = np.random.Philox(key=int.from_bytes(key, "little"))
        uniform = (bits.random_raw(50 * 3 * 4) >> np.uint64(11)) * 2.0**-53
        assert np.array_equal(found[name], uniform.reshape(50, 3, 4) < rates)
    assert not np.array_equal(found["a"], found["b"])


def test_poisson_is_the_same_on_every_machine():
    source = source_for(TWO, "poisson:rate=0.25", "float32", steps=200, seed=3)
    assert nirx.digest(source.read(0, 200)).startswith("9735c91255cef526")


def test_poisson_depends_on_seed_and_rate():
    def spikes(rate: str, seed: int) -> np.ndarray:
        return source_for(TWO, f"poisson:rate={rate}", "float32", seed=seed).read(0, 1000)["a"]

    assert not np.array_equal(spikes("0.5", 0), spikes("0.5", 1))
    assert abs(spikes("0.5", 0).mean() - 0.5) < 0.05
    assert not spikes("0", 0).any()
    assert spikes("1", 0).all()


def test_regular_spikes_with_its_period():
    found = source_for(TWO, "regular:period=5", "float32", steps=12, batch=2).read(0, 12)["b"]
    for step, sample, neuron in np.ndindex(12, 2, 4):
        assert found[step, sample, neuron] == ((step - sample - neuron) % 5 == 0)


def test_ramp_goes_from_low_to_high():
    found = source_for(TWO, "ramp:low=-2,high=0.1", "float64", steps=11).read(0, 11)["a"]
    assert found.shape == (11, 1, 4)
    assert np.allclose(found, np.linspace(-2, 0.1, 11)[:, None, None])
    assert (found[0] == -2).all()
    assert (found[-1] == 0.1).all()
    assert (source_for(TWO, "ramp:low=3", "float32", steps=1).read(0, 1)["a"] == 3).all()


def test_pulses_go_through_the_neurons_of_all_inputs():
    source = source_for(TWO, "pulses:every=3,height=4", "float32", batch=2)
    assert source.steps == 8 * 3
    found = source.read(0, 24)
    both = np.concatenate([found["a"], found["b"]], axis=-1)
    assert np.array_equal(both[:, 0], both[:, 1])
    assert [tuple(p) for p in np.argwhere(both[:, 0])] == [(3 * k, k) for k in range(8)]
    assert set(both[both != 0]) == {4}
    longer = source_for(TWO, "pulses:every=3", "float32", steps=100).read(24, 100)
    assert not any(array.any() for array in longer.values())
    with pytest.warns(NirxWarning, match="2 of 8 input neurons; all of them take 24"):
        source_for(TWO, "pulses:every=3", "float32", steps=5)


def test_1000_steps_and_one_sample_are_the_default():
    for text in ("poisson", "regular", "ramp"):
        source = source_for(TWO, text, "float32")
        assert (source.steps, source.batch) == (1000, (1,))
        assert source_for(TWO, text, "float32", steps=0).read(0, 0)["a"].shape == (0, 1, 4)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("poison:rate=0.2", {}, "did you mean 'poisson'"),
        ("poisson:rat=0.2", {}, "did you mean 'rate'"),
        ("poisson:rate=2", {}, "rate='2'; expected a number between 0 and 1"),
        ("poisson:rate=nan", {}, "expected a number"),
        ("poisson:rate=1,low=0", {}, "rate goes without low and high"),
        ("poisson:rate=.1,rate=.2", {}, "given twice"),
        ("poisson:0.2", {}, "'0.2' is not an option; expected option=value"),
        ("poisson:rate=.1,7", {}, "expected option=value"),
        ("poisson", {"seed": -1}, "seed=-1"),
        ("poisson", {"steps": -1}, "steps=-1"),
        ("poisson", {"steps": 1.5}, "steps=1.5"),
        ("poisson", {"steps": True}, "steps=True"),
        ("poisson", {"batch": 0}, "at least one sample"),
        ("poisson", {"batch": "x"}, "batch"),
        ("regular:period=0", {}, "expected a whole number, 1 or more"),
        ("regular:period=1.5", {}, "expected a whole number, 1 or more"),
        ("pulses:every=", {}, "expected a whole number, 1 or more"),
        ("corners", {}, "needs the graph"),
        ("corners:x=1", {}, "it takes none"),
        ("tonic", {}, "expected tonic:NAME"),
    ],
)
def test_bad_texts_are_refused(text, options, message):
    with pytest.raises(InputError, match=message):
        source_for(TWO, text, "float32", **options)
