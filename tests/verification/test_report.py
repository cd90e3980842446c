"""What a verification says: causes, sentences, places and the picture."""

from __future__ import annotations

import numpy as np
import pytest

import nirx
from nirx.comparison.divergence import Divergence
from nirx.verification.table import percent, place_text
from support.bench import Bench, D, layered, place, run, shifted, signal

# -- which failure is the cause ------------------------------------------------------------


@pytest.mark.slow
def test_why_names_the_rule(bench):
    d = nirx.Discretization(dt=D.dt, overrides={"lif2": {"reset": "subtract"}})
    found = bench.verify(run(bench.graph, bench.xs, d), why=True)
    assert any("lif2 subtracts the threshold in the step of the spike" in s for s in found.why)
    assert any("lif1 does what you asked for" in s for s in found.why)
    assert str(found).count("lif2 subtracts") == 1
    assert bench.verify(bench.recorded, why=True).why == ()
    only_values = {"fc1": bench.recorded["fc1"] + 1}
    assert bench.verify(only_values, why=True).why[0].startswith("no diagnosis: ")


def test_independent_faults_are_both_original(bench):
    seen = bench.recorded
    seen["fc3"][5, 0, 0] += 1
    seen["lif1"][60, 0, 0] = 1 - seen["lif1"][60, 0, 0]
    seen["lif2"][61, 0, 0] = 1 - seen["lif2"][61, 0, 0]
    found = bench.verify(seen)
    assert place(found) == ("fc3", 5, (0, 0))
    assert found["lif1"].follows is None
    assert found["lif2"].follows is None, "fc2 between them agrees"
    del seen["fc2"]
    found = bench.verify(seen)
    assert found["lif2"].follows == "lif1"
    assert "follows lif1" in str(found)


def test_a_state_explains_no_other_node_while_the_spikes_agree(bench):
    """Membranes that round differently, and a second layer that is late."""
    chip = {key: bench.recorded[key] for key in ("lif1", "lif1.v", "lif2")}
    chip["lif1.v"] = chip["lif1.v"] * np.float32(1 + 3e-7)
    chip["lif2"] = shifted(chip["lif2"], 1)
    found = bench.verify(chip)
    assert found["lif1"].verdict == "exact"
    assert found["lif1.v"].verdict == "fails"
    assert found["lif2"].follows is None
    assert "lif2: every spike is 1 step late" in str(found)
    # The spikes of lif1 diverge later than those of lif2, so they cannot be the reason either.
    chip["lif1"][100, 0, 0] = 1 - chip["lif1"][100, 0, 0]
    assert bench.verify(chip)["lif2"].follows is None
    # Without the spikes of lif1 it is possible, but how lif2 fails is still reported.
    del chip["lif1"]
    found = bench.verify(chip)
    assert found["lif2"].follows == "lif1.v"
    assert "lif2: every spike is 1 step late" in str(found)


def test_how_spikes_fail_is_reported_if_they_follow_their_own_membrane(bench):
    chip = {key: bench.recorded[key] for key in ("lif3", "lif3.v")}
    assert not chip["lif3"][0].any()
    chip["lif3"] = shifted(chip["lif3"], 1)
    chip["lif3.v"][0] += 0.5
    found = bench.verify(chip)
    assert found["lif3"].follows == "lif3.v"
    assert "lif3: every spike is 1 step late" in str(found)


# -- sentences, numbers and the picture -----------------------------------------------------


def test_tolerances_read_as_a_sentence(bench):
    texts = [
        str(bench.verify(bench.recorded, **own).tolerance)
        for own in ({"rate": 0.05}, {"rate": 0.05, "jitter": 2}, {"jitter": 1}, {})
    ]
    assert texts == [
        "spike counts within 5.000%",
        "spikes within 2 steps or spike counts within 5.000%",
        "spikes within 1 step",
        "equal numbers",
    ]


def test_whole_numbers_are_reported_as_another_unit(bench):
    wanted = "lif1.v: the recording holds whole numbers: scale it to the reference's unit, and set"
    true = bench.recorded["lif1.v"]
    counts = np.rint(true * 256)
    for whole in (counts.astype(np.int16), counts):
        found = bench.verify({"lif1.v": whole})
        assert found["lif1.v"].kind
        assert wanted in str(found)
    nan, quantised = np.where(true > 0.1, np.nan, counts), counts / 256
    for other in (true + np.float32(0.25), true * 0, nan, quantised):
        assert "whole numbers" not in str(bench.verify({"lif1.v": other}))
    assert "whole numbers" not in str(bench.verify({"fc1": np.full_like(true, np.inf)}))
    spikes = bench.recorded["lif1"]
    spikes[0] = 1 - spikes[0]  # the cause, from the same step on
    assert wanted in str(bench.verify({"lif1": spikes, "lif1.v": counts}))


def test_rounding_is_named_with_the_options_that_allow_it(bench):
    chip, true = bench.recorded, bench.recorded["lif1.v"]
    chip["lif1.v"] = true * np.float32(1 + 3e-7)
    found = bench.verify(chip)
    error, largest = np.abs(chip["lif1.v"] - true).max(), np.abs(true).max()
    assert found["lif1.v"].largest == largest
    wanted = f"lif1.v is off by rounding only ({error:.2g} of {largest:.2g}); allow it with --lsb"
    assert wanted in str(found)
    assert "--lsb 1e-6 --membrane 1 (Python: lsb=1e-6, membrane=1)" in str(found)
    assert bench.verify(chip, lsb=1e-6, membrane=1).verdict == "within tolerance"
    chip["lif2.v"] = chip["lif2.v"] * np.float32(1 - 3e-7)
    assert "lif1.v, lif2.v are off by rounding only" in str(bench.verify(chip))
    assert "--lsb lif1.v=1e-6" in str(bench.verify(chip, lsb={"lif2.v": 1e-9}, membrane=2))
    chip["lif2.v"][3, 0, 0] += 0.1
    assert "lif1.v is off by rounding only" in str(bench.verify(chip))
    assert "rounding" not in str(bench.verify({"lif2.v": chip["lif2.v"]}))


def test_places_are_named_by_sample_and_neuron(tmp_path):
    found = Divergence(14, "lif2", (1, 0), 1.0, 0.0)
    assert place_text(found, 1, 0) == "step 14, lif2, sample 1, neuron 0: reference 1, observed 0"
    found = Divergence(0, "c.v", (1, 2, 0, 3), float(np.float32(0.1)), float("nan"))
    wanted = "step 0, c.v, sample 1, neuron (2, 0, 3): reference 0.1, observed nan"
    assert place_text(found, 1, 0) == wanted
    own = Bench(layered(), tmp_path / "r.h5", signal(6, steps=20, batch=(2, 3)))
    seen = own.recorded
    seen["lif1"][4, 1, 2, 5] = 1 - seen["lif1"][4, 1, 2, 5]
    assert "step 4, lif1, sample (1, 2), neuron 5: reference " in str(own.verify(seen))


def test_percentages_are_short():
    assert percent(0.524) == "52 %"
    assert percent(0.0004) == "0.04 %"


@pytest.mark.filterwarnings("ignore:never spiked")
def test_spikes_of_a_silent_neuron_have_no_rate(tmp_path):
    own = Bench(layered(), tmp_path / "r.h5", np.zeros((20, 1, 6), np.float32))
    seen = own.recorded
    assert not seen["lif1"].any()
    seen["lif1"][4:6] = 1
    text = " ".join(str(own.verify(seen)).replace("│", " ").split())
    assert "too many of 0; a neuron spikes that should be silent" in text


@pytest.mark.slow
def test_the_picture_shows_the_first_divergence(bench, tmp_path):
    pytest.importorskip("matplotlib")
    seen = bench.recorded
    seen["lif2"][50, 1, 1] = 1 - seen["lif2"][50, 1, 1]
    for name, observed in (("bad.png", seen), ("good.png", bench.recorded)):
        bench.verify(observed, plot=tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    bench.verify(seen, plot=tmp_path / "bad.svg")
    assert "departs from the reference at step 50" in (tmp_path / "bad.svg").read_text()
    bench.verify(backend="numpy", plot=tmp_path / "b.svg")
    assert "every number is equal" in (tmp_path / "b.svg").read_text()
    with pytest.raises(nirx.InputError, match="a plot ends in"):
        bench.verify(seen, plot=tmp_path / "x.gif")
