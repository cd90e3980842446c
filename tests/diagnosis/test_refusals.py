"""What `nirx.diagnose` refuses, and the messages."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

import nirx
from support.graphs import chain, lif

D = nirx.Discretization(dt=1.0)
STEPS, SIZE = 12, 3


@pytest.fixture
def graph() -> nir.NIRGraph:
    delay = nir.Delay(np.ones(SIZE))
    return chain({"fc": nir.Linear(np.eye(SIZE)), "lif": lif(SIZE), "delay": delay}, SIZE)


@pytest.fixture
def refused(graph):
    """Diagnoses what has to be refused; returns the message."""

    def run(observed: Any = None, xs: Any = None, **options: Any) -> str:
        xs = np.ones((STEPS, SIZE)) if xs is None else xs
        observed = {"lif": np.zeros((STEPS, SIZE))} if observed is None else observed
        with pytest.raises(nirx.InputError) as caught:
            nirx.diagnose(graph, xs, observed, **{"discretization": D, **options})
        return str(caught.value)

    return run


def test_recordings(refused):
    good = np.zeros((STEPS, SIZE))
    assert "did you mean 'lif'" in refused({"lfi": good})
    assert "nothing is called" in refused({"lif.w": good})
    assert "(12, 2); expected (12, 3)" in refused({"lif": good[:, :2]})
    assert "(11, 3); expected (12, 3)" in refused({"lif": good[1:]})
    assert "observed is empty" in refused({})
    assert "observed is a ndarray" in refused(good)
    assert "nothing to diagnose; the graph has 'lif'" in refused({"fc": good})
    assert "not a spike train" in refused({"delay.buffer": good})
    assert "expected real numbers" in refused({"lif": good.astype(str)})
    assert "expected real numbers" in refused({"lif": good.astype(complex)})


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 0.5])
def test_values_that_are_not_spikes(refused, value):
    spikes = np.zeros((STEPS, SIZE))
    spikes[4, 1] = value
    message = refused({"lif": spikes})
    assert f"observed['lif'] is {value!r} at [4, 1]; expected spikes" in message


def test_a_trace_with_gaps(refused):
    trace = np.zeros((STEPS, SIZE))
    trace[4, 1] = np.nan
    assert "observed['lif.v'] is nan at [4, 1]; expected finite" in refused({"lif.v": trace})


def test_two_recordings_of_one_output_that_differ():
    graph = chain({"lif": lif(SIZE)}, SIZE)
    zeros = np.zeros((STEPS, SIZE))
    same = {"output": zeros, "lif": zeros}
    assert len(nirx.diagnose(graph, zeros, same, discretization=D).nodes) == 1
    with pytest.raises(nirx.InputError, match="output of 'lif' too, but has other values"):
        nirx.diagnose(graph, zeros, {"output": zeros, "lif": zeros + 1}, discretization=D)


def test_inputs(refused):
    assert "has shape (12, 2)" in refused(xs=np.ones((STEPS, 2)))
    assert "no steps" in refused({"lif": np.zeros((0, SIZE))}, xs=np.ones((0, SIZE)))
    assert "no Input 'other'" in refused(xs={"other": np.ones((STEPS, SIZE))})
    message = refused(xs=np.full((STEPS, SIZE), 0.1), dtype="float32")
    assert "float64, but the network runs in float32" in message


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_input_with_gaps(refused, value):
    xs = np.ones((STEPS, SIZE))
    xs[3, 2] = value
    assert f"Input 'input' is {value!r} at [3, 2]; expected finite" in refused(xs=xs)


def test_options(refused):
    assert "max_shift=-1" in refused(max_shift=-1)
    assert "max_shift=1.5" in refused(max_shift=1.5)
    assert "tolerance=-1" in refused(tolerance=-1)
    assert "tolerance=nan" in refused(tolerance=float("nan"))
    assert "dt=0" in refused(dt=0)
    assert "dt=[]" in refused(dt=[])
    assert "dt='x'" in refused(dt=["x"])
    assert "dt='0.1'" in refused(dt="0.1")
    assert "discretization is a str" in refused(discretization="nir")
    assert "did you mean 'reset'" in refused(choices={"rest": ["value"]})
    assert "with dt=[...]" in refused(choices={"dt": [1.0]})
    assert "expected a list of values" in refused(choices={"reset": "value"})
    assert "expected a list of values" in refused(choices={"reset": []})
    assert "expected some of 'value', 'subtract', 'none'" in refused(choices={"reset": ["zero"]})
    assert "max_spikes=0" in refused(choices={"max_spikes": [0]})
    assert "choices is a list" in refused(choices=["reset"])


def test_choices_that_leave_nothing_legal(refused):
    limits = {"reset": ["value"], "reset_when": ["same"], "output": ["old"]}
    assert "leave no legal combination" in refused(choices=limits)


def test_counts_are_not_tried_where_a_threshold_is_not_positive(graph):
    graph.nodes["lif"].v_threshold = -np.ones(SIZE)
    spikes = {"lif": np.ones((STEPS, SIZE))}
    found = nirx.diagnose(
        graph, np.ones((STEPS, SIZE)), spikes, discretization=D, choices={"spikes": ["multi"]}
    )
    assert found["lif"].possible["spikes"] == ("single",)


def test_graphs(tmp_path):
    with pytest.raises(nirx.InputError, match="or a path, got a int"):
        nirx.diagnose(3, np.ones((2, 2)), {})
    with pytest.raises(nirx.FileError, match="no such file"):
        nirx.diagnose(tmp_path / "no.nir", np.ones((2, 2)), {})
    with pytest.raises(nirx.UnsupportedError, match="float16"):
        nirx.diagnose(nir.NIRGraph({}, [], type_check=False), 0, {}, dtype="float16")
