"""Jitter, rates and LSB: what they let pass, and what they never do."""

from __future__ import annotations

from pathlib import Path

import nir
import numpy as np
import pytest

import nirx
from nirx.basics.tables import render
from nirx.errors import InputError
from nirx.verification.table import percent, verdict_table
from support.bench import Bench, layered, place, run, shifted
from support.graphs import chain


def relay(path: Path, xs: np.ndarray) -> Bench:
    """A node "neuron" that spikes where its input does."""
    size = xs.shape[-1]
    return Bench(chain({"neuron": nir.Threshold(np.full(size, 0.5, np.float32))}, size), path, xs)


def pulses(steps: int, at: list[int], size: int = 1) -> np.ndarray:
    xs = np.zeros((steps, 1, size), np.float32)
    xs[at] = 1
    return xs


# -- jitter --------------------------------------------------------------------------------


def test_jitter_matches_spikes_one_to_one(bench):
    true = bench.recorded["lif1"]
    step, sample, neuron = next(
        place
        for place in np.argwhere(true > 0)
        if true[max(0, place[0] - 6) : place[0] + 7, place[1], place[2]].sum() == 1
        and 6 < place[0] < len(true) - 6
    )
    lonely = true.copy()
    lonely[step, sample, neuron], lonely[step + 2, sample, neuron] = 0, 1
    found = bench.verify({"lif1": lonely}, jitter=2)
    own = found["lif1"]
    assert (found.verdict, own.by, own.jitter) == ("within tolerance", "jitter", 2)
    assert "spikes off by 2 steps at most" in str(found)
    too_little = bench.verify({"lif1": lonely}, jitter=1)
    assert place(too_little) == ("lif1", step, (sample, neuron))
    assert (too_little["lif1"].missing, too_little["lif1"].extra) == (1, 1)
    lonely[step + 1, sample, neuron] = 1  # two for one
    assert bench.verify({"lif1": lonely}, jitter=2)["lif1"].kind == "one spike too many"


def test_a_jitter_longer_than_the_recording_is_refused(bench):
    steps = len(bench.recorded["lif1"])
    observed = {"lif1": bench.recorded["lif1"]}
    assert bench.verify(observed, jitter=steps).agree
    with pytest.raises(InputError, match=rf"jitter={steps + 1} .*the recording has {steps} steps"):
        bench.verify(observed, jitter=steps + 1)


def test_a_late_layer_passes_with_jitter_but_a_lost_spike_does_not(bench):
    chip = run(layered(late="lif3"), bench.xs)
    early = np.concatenate([chip["late"][1:], bench.recorded["lif3"][-1:]])
    assert bench.verify({"lif3": early}).verdict == "exact"
    name = next(k for k in ("lif1", "lif2") if bench.recorded[k][-1].any())  # cut off
    late = {name: run(layered(late=name), bench.xs)["late"].copy()}
    assert not bench.verify(late).agree
    found = bench.verify(late, jitter=1)
    assert (found.verdict, found[name].by) == ("within tolerance", "jitter")
    assert found[name].at_ends > 0
    assert "at the ends without a partner" in str(found)
    step, *index = np.argwhere(late[name] > 0)[20]
    late[name][step, *index] = 0
    found = bench.verify(late, jitter=1)
    assert (found[name].kind, found[name].missing) == ("one spike missing", 1)
    first = found.first_divergence
    assert first is not None
    assert abs(first.step - step) <= 2
    assert first.index == tuple(index)


def test_a_silent_or_shifted_recording_fails_with_any_jitter(bench):
    true = bench.recorded["lif1"]
    for jitter in (1, 59, 60, len(true)):
        assert bench.verify({"lif1": true * 0}, jitter=jitter).verdict == "fails"
    text = str(bench.verify({"lif1": shifted(true, 60)}, jitter=60))
    assert "every spike" not in text, "an allowed shift is not the reason"


@pytest.mark.parametrize(("steps", "jitter"), [(4, 1), (5, 2), (8, 2), (101, 26), (101, 50)])
def test_all_spikes_count_where_the_ends_are_half_of_the_recording(steps, jitter, tmp_path):
    """Otherwise a dead chip would pass in three steps, or with a large jitter."""
    xs = pulses(steps, [0, steps // 2])
    own = relay(tmp_path / "r.h5", xs)
    xs[0] = 0
    found = own.verify({"neuron": xs}, jitter=jitter)
    assert (found.verdict, found["neuron"].at_ends) == ("fails", 0)
    longer = pulses(steps + 9 * jitter, [0, steps // 2])
    own = relay(tmp_path / "l.h5", longer)
    longer[0] = 0
    found = own.verify({"neuron": longer}, jitter=jitter)
    assert (found.verdict, found["neuron"].at_ends) == ("within tolerance", 1)


def test_a_dead_chip_fails_even_if_all_spikes_are_at_the_ends(tmp_path):
    xs = pulses(40, [], size=2)
    xs[[0, 39], 0, [0, 1]] = 1
    own = relay(tmp_path / "r.h5", xs)
    found = own.verify({"neuron": xs * 0}, jitter=2)
    assert (found.verdict, found["neuron"].missing) == ("fails", 2)
    assert place(found) == ("neuron", 0, (0, 0))
    assert found["neuron"].at_ends == 0
    xs[39] = 0
    found = own.verify({"neuron": xs}, jitter=2)
    assert found.verdict == "within tolerance"
    assert "1 spike at the ends not counted" in render(verdict_table(found), 400)
    assert "off by 0 steps" not in str(found)


def test_a_spike_whose_partner_is_taken_is_reported_as_such(tmp_path):
    """A train with a spike in every step lost one: the spike before it has no partner left."""
    xs = np.zeros((40, 2, 1), np.float32)
    xs[5:30] = 1
    late = shifted(xs, 1)
    late[20, 1] = 0
    found = relay(tmp_path / "r.h5", xs).verify({"neuron": late}, jitter=1)
    assert place(found) == ("neuron", 19, (1, 0))
    wanted = "step 19, neuron, sample 1, neuron 0: reference 1, observed 1 (the partner of an ear"
    assert wanted in str(found)


def test_jitter_is_any_whole_number(bench):
    late = {"lif1": bench.recorded["lif1"]}
    step, *index = np.argwhere(late["lif1"][5:-5] > 0)[9]
    late["lif1"][step + 5, *index] = 0
    for jitter in (np.int64(1), np.uint8(1)):
        assert type(bench.verify(late, jitter=jitter).tolerance.jitter) is int
    with pytest.raises(nirx.InputError, match="expected a whole number of steps"):
        bench.verify(late, jitter=np.bool_(True))


# -- rates ---------------------------------------------------------------------------------


def test_a_rate_lets_single_spikes_differ(bench):
    seen = bench.recorded
    counts = seen["lif1"].sum(axis=0)
    sample, neuron = np.unravel_index(counts.argmax(), counts.shape)
    train = seen["lif1"][:, sample, neuron]
    train[np.flatnonzero(train)[3]] = 0
    error = 1 / counts.max()
    assert not bench.verify(seen).agree
    assert not bench.verify(seen, rate=error * 0.99).agree
    found = bench.verify(seen, rate=error * 1.01)
    assert found.verdict == "within tolerance"
    assert found["lif1"].by == "rate"
    assert found["lif1"].rate_error == pytest.approx(error)
    assert f"rates {percent(error)} off at most" in render(verdict_table(found), 400)
    assert "passes by its rates only" in str(found)
    assert "1 missing" in str(found)
    silent = np.argwhere(counts == 0)
    assert silent.size, "the test needs a silent neuron"
    seen["lif1"][9, *silent[0]] = 1
    found = bench.verify(seen, rate=0.999)
    assert not found.agree
    assert found["lif1"].rate_error == np.inf


def test_a_moved_spike_fails_without_a_rate(bench):
    seen = bench.recorded
    train = seen["lif1"][:, 0, int(seen["lif1"][:, 0].sum(axis=0).argmax())]
    there, free = np.flatnonzero(train)[2], np.flatnonzero(train == 0)[-1]
    train[there], train[free] = 0, 1
    found = bench.verify(seen)
    assert found["lif1"].rate_error == 0
    assert not found.agree


# -- LSB -----------------------------------------------------------------------------------


def test_values_may_be_some_lsb_off(bench):
    lsb = 1 / 64
    seen = bench.recorded
    for key in ("lif1.v", "lif2.v"):
        seen[key] = (np.round(seen[key] / lsb) * lsb).astype(np.float32)
    assert not bench.verify(seen).agree
    assert not bench.verify(seen, lsb=lsb).agree
    assert not bench.verify(seen, lsb=lsb, membrane=0.3).agree
    found = bench.verify(seen, lsb=lsb, membrane=0.5)
    assert (found.verdict, found["lif1.v"].by) == ("within tolerance", "lsb")
    off = found["lif1.v"].lsb_error
    assert off is not None
    assert 0.3 < off <= 0.5
    assert "LSB" in str(found)
    assert bench.verify(seen, lsb={"lif1.v": lsb, "lif2.v": lsb}, membrane=0.5).agree
    one = bench.verify(seen, lsb={"lif1.v": lsb}, membrane=0.5)
    assert one["lif1.v"].verdict == "within tolerance"
    assert one["lif2.v"].verdict == "fails"
    assert bench.verify(seen, lsb={"lif1.v": lsb, None: 2 * lsb}, membrane=0.5).agree


def test_exactly_one_lsb_passes_in_spite_of_rounding(bench):
    seen = bench.recorded
    seen["lif1.v"] = (seen["lif1.v"] + np.float32(0.1)).astype(np.float32)
    assert bench.verify(seen, lsb=0.1, membrane=1)["lif1.v"].verdict == "within tolerance"
    assert bench.verify(seen, lsb=0.1, membrane=0.999)["lif1.v"].verdict == "fails"


# -- what is refused -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"jitter": -1}, r"jitter=-1 \(--jitter\)"),
        ({"jitter": 1.5}, "jitter=1.5"),
        ({"jitter": True}, "jitter=True"),
        ({"rate": -0.1}, r"rate=-0.1 \(--rate\)"),
        ({"rate": float("nan")}, "rate=nan"),
        ({"rate": "high"}, "rate='high'"),
        ({"rate": 1}, r"rate=1 \(--rate\); expected less than 1"),
        ({"rate": 1e9}, "lets a dead chip pass; 0.05 is 5 %"),
        ({"membrane": 1}, r"\(--membrane\).*; set the size of one by lsb \(--lsb\)"),
        ({"membrane": -1, "lsb": 1.0}, "membrane=-1"),
        ({"lsb": 0.0}, "lsb=0.0 .*; expected a positive"),
        ({"lsb": "x"}, "lsb='x'"),
        ({"lsb": {"lif.v": -1}}, r"lsb\['lif.v'\]=-1"),
        ({"lsb": {"lif": 1.0}}, "'lif' holds spikes"),
        ({"lsb": {"output": 1.0}}, "'output' holds spikes"),
        ({"lsb": {"lif.w": 1.0}}, "did you mean"),
        ({"lsb": 1e300, "membrane": 1e300}, "is infinite, so that everything would pass"),
    ],
)
def test_invalid_tolerances(options, text, small):
    with pytest.raises(nirx.InputError, match=text):
        small.verify(small.recorded, **options)
