"""Layers that never spiked are named: by `compare` and by `verify`."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.comparison.silence import find_silence
from nirx.graphs.recording import resolve_record
from support.graphs import affine, chain, lif, neuron

D = nirx.Discretization(dt=1.0)
XS = np.ones((20, 2, 2), np.float32)
PAIR = ("numpy", "numpy")


def layers(*thresholds: float, **values: Any) -> nir.NIRGraph:
    return chain({f"lif{k}": lif(v_threshold=t, **values) for k, t in enumerate(thresholds)})


def test_a_network_that_never_spiked_is_said_to_be_so():
    with pytest.warns(nirx.NirxWarning) as caught:
        found = nirx.compare(layers(9, 9, 9), XS, PAIR, discretization=D)
    (own,) = caught
    said = "nothing was compared: no neuron of 3 layers spiked (lif0, lif1, lif2)"
    assert str(own.message) == said
    assert own.filename == __file__
    assert said in str(found)
    assert found.agree
    assert (found.silent, found.nothing_compared) == (("lif0", "lif1", "lif2"), True)
    assert found.to_dict()["silent"] == ["lif0", "lif1", "lif2"]
    assert found.to_dict()["nothing_compared"] is True


def test_partial_silence_names_its_layers_and_only_some_of_many():
    with pytest.warns(nirx.NirxWarning, match="spikes were not compared: lif1; every output is 0"):
        found = nirx.compare(layers(0.1, 9), XS, PAIR, discretization=D)
    assert (found.silent, found.nothing_compared) == (("lif1",), False)
    with pytest.warns(nirx.NirxWarning, match="lif1, .*, lif8 and 3 more; every"):
        nirx.compare(layers(0.1, *[9] * 11), XS, PAIR, discretization=D)


def test_no_word_where_every_layer_spikes_or_none_could(recwarn):
    found = nirx.compare(layers(0.1, 0.1), XS, PAIR, discretization=D)
    assert (found.silent, found.nothing_compared) == ((), False)
    values = chain({"fc": affine(2, 2), "li": neuron(nir.LI)})
    found = nirx.compare(values, XS, PAIR, discretization=D)
    assert (found.silent, found.nothing_compared) == ((), False)
    assert "spiked" not in str(found)
    assert not recwarn.list


def test_outputs_that_stay_zero_compare_nothing():
    graph = chain({"scale": nir.Scale(np.zeros(2))})
    with pytest.warns(nirx.NirxWarning, match="nothing was compared: every output is 0"):
        found = nirx.compare(graph, XS, PAIR, discretization=D, record=["output"])
    assert (found.silent, found.nothing_compared) == ((), True)


def test_an_output_that_passes_on_spikes_stands_for_its_layer():
    with pytest.warns(nirx.NirxWarning, match="no neuron of lif0 spiked"):
        found = nirx.compare(layers(9), XS, PAIR, discretization=D, record=["output"])
    assert found.silent == ("lif0",)


def test_a_layer_that_spikes_on_one_backend_is_not_silent(recwarn):
    def loud(xs):
        return {"output": xs}, {}, {"lif0": xs, "lif0.v": xs}

    found = nirx.compare(layers(9), XS, ("numpy", loud), discretization=D)
    assert not found.agree
    assert found.silent == ()
    assert not recwarn.list


@pytest.mark.parametrize(
    ("graph", "dt", "hint"),
    [
        (layers(9, tau=20.0), 1e-3, "dt is 0.001 but every time constant is 20 or more"),
        (chain({"if": neuron(nir.IF)}), 1e-4, "dt is 0.0001 but an input of 1 charges no neuron"),
        (layers(9, tau=20.0), 1.0, ""),
        (layers(99, tau=0.02), 1e-3, ""),
    ],
)
def test_a_dt_in_another_unit_is_the_hint(graph, dt, hint):
    with pytest.warns(nirx.NirxWarning):
        found = nirx.compare(graph, XS, PAIR, discretization=nirx.Discretization(dt=dt))
    assert found.silence.hint.startswith(hint)
    assert bool(found.silence.hint) == bool(hint)


def test_nothing_recorded_is_no_silence():
    graph = layers(9)
    schedule = nirx.schedule(graph, D)
    assert not find_silence(graph, schedule, []).text()
    probes = resolve_record(schedule, ["lif0.v"])
    assert not find_silence(graph, schedule, [(probes[0], True)]).text()


def test_verify_names_what_spikes_on_neither_side(tmp_path):
    nirx.reference(layers(0.1, 9), XS, tmp_path / "r.h5", discretization=D)
    with pytest.warns(nirx.NirxWarning, match="spikes were not compared: lif1"):
        found = nirx.verify(tmp_path / "r.h5", backend="numpy")
    assert found.verdict == "exact"
    assert (found.silent, found.nothing_compared) == (("lif1",), False)
    assert "never spiked, so their spikes were not compared: lif1" in str(found)
    assert found.to_dict()["silent"] == ["lif1"]
    spikes = {"lif0": np.zeros_like(XS), "lif1": np.zeros_like(XS)}
    nirx.reference(layers(9, 9), XS, tmp_path / "s.h5", discretization=D)
    with pytest.warns(nirx.NirxWarning, match="nothing was compared: no neuron of 2 layers"):
        assert nirx.verify(tmp_path / "s.h5", spikes).nothing_compared
