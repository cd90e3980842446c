"""`nirx.verify`: planted faults are found where they are, and nothing else is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nirx
from nirx.references import generate
from nirx.references.reading import ReferenceFile
from support.bench import Bench, D, layered, looped, nested, place, run, shifted, signal

GRAPHS = {"layered": layered, "nested": nested, "looped": looped}


def first_difference(a: np.ndarray, b: np.ndarray) -> tuple[int, tuple[int, ...]]:
    """By plain search, time first."""
    step, *index = np.argwhere(a != b)[0]
    return int(step), tuple(map(int, index))


@pytest.mark.slow
@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("options", [{}, {"spikes": "events"}, {"dtype": "float64"}], ids=str)
@pytest.mark.sampled(3)
def test_equal_numbers_are_exact(name, options, tmp_path):
    own = Bench(GRAPHS[name](), tmp_path / "r.h5", **options)
    found = own.verify(own.recorded)
    assert (found.verdict, found.agree, found.first_divergence) == ("exact", True, None)
    assert {n.verdict for n in found.nodes} == {"exact"}
    assert (found.not_observed, found.partial) == ((), False)
    assert (found.steps, found.samples) == own.xs.shape[:2]
    assert found.digest == nirx.digest(own.recorded)
    with ReferenceFile(own.path) as file:
        assert [n.key for n in found.nodes] == file.keys
        assert nirx.verify(file, own.recorded).verdict == "exact"
        assert file.keys, "an open reference stays open"
    spikes = [n for n in found.nodes if n.spikes]
    assert spikes
    assert all(n.expected > 10 for n in spikes), "silent networks would prove nothing"


@pytest.mark.parametrize("name", GRAPHS)
def test_a_flipped_spike_is_located(name, tmp_path):
    own = Bench(GRAPHS[name](), tmp_path / "r.h5")
    random = np.random.default_rng(0)
    keys = [n.key for n in own.verify(own.recorded).nodes if n.spikes]
    for key, there in itertools.product(keys, (True, False)):
        seen = own.recorded
        places = np.argwhere((seen[key] > 0) == there)
        step, *index = map(int, places[random.integers(len(places))])
        seen[key][step, *index] = not there
        found = own.verify(seen)
        assert place(found) == (key, step, tuple(index))
        assert [n.key for n in found.nodes if n.verdict != "exact"] == [key]
        wanted = "one spike missing" if there else "one spike too many"
        assert (found.verdict, found[key].kind, found[key].by) == ("fails", wanted, None)
        assert wanted in str(found)


@pytest.mark.parametrize("layer", ["lif1", "lif2", "lif3"])
def test_a_layer_that_is_one_step_late_is_located(layer, bench):
    chip = run(layered(late=layer), bench.xs)
    chip[layer] = chip.pop("late")
    del chip[f"{layer}.v"]
    true = bench.recorded
    found = bench.verify(chip)
    step, index = first_difference(true[layer], chip[layer])
    assert place(found) == (layer, step, index)
    assert found.first_divergence is not None
    assert (found.first_divergence.reference, found.first_divergence.other) == (1.0, 0.0)
    assert found[layer].kind == "every spike is 1 step late"
    assert f"{layer}: every spike is 1 step late" in str(found)
    failed = [n for n in found.nodes if n.verdict == "fails"]
    assert [n.follows for n in failed] == [None] + [layer] * (len(failed) - 1)
    before = [n for n in found.nodes if n.key < layer and n.key.startswith("lif")]
    assert all(n.verdict == "exact" for n in before)
    assert found.not_observed == (f"{layer}.v",)


@pytest.mark.parametrize("layer", ["lif1", "lif2", "lif3"])
@pytest.mark.parametrize("change", [{"reset": "subtract"}, {"reset_when": "next"}], ids=str)
@pytest.mark.parametrize("states", [True, False])
def test_another_reset_in_one_layer_is_located(layer, change, states, bench):
    chip = run(bench.graph, bench.xs, nirx.Discretization(dt=D.dt, overrides={layer: change}))
    true = bench.recorded
    if not states:
        chip = {key: value for key, value in chip.items() if not key.endswith(".v")}
    found = bench.verify(chip)
    keys = [layer, f"{layer}.v"] if states else [layer]
    diverged = [
        (*first_difference(true[k], chip[k]), k) for k in keys if (true[k] != chip[k]).any()
    ]
    step, index, key = min(diverged, key=lambda own: own[0])
    assert place(found) == (key, step, index)
    assert [n.key for n in found.nodes if n.verdict == "fails" and n.follows is None] == [key]


def test_in_the_same_step_the_node_that_runs_first_is_named(bench):
    seen = bench.recorded
    for key in ("lif3", "fc2", "lif2.v"):
        seen[key][7, 1, 1] += 1
    assert place(bench.verify(seen)) == ("fc2", 7, (1, 1))


@pytest.mark.parametrize(
    ("shift", "text"),
    [(1, "1 step late"), (-1, "1 step early"), (3, "3 steps late"), (-8, "8 steps early")],
)
def test_whole_shifts_are_named(shift, text, bench):
    moved = shifted(bench.recorded["lif1"], shift)
    assert bench.verify({"lif1": moved})["lif1"].kind == f"every spike is {text}"
    moved[50, 0, 0] = 1 - moved[50, 0, 0]
    assert "spikes differ" in bench.verify({"lif1": moved})["lif1"].kind


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0, 0.5, 1e30])
def test_what_is_not_a_spike_train_fails_with_any_tolerance(bad, bench):
    seen = bench.recorded
    seen["lif2"][33, 1, 2] = bad
    found = bench.verify(seen, jitter=120, rate=0.999)
    assert place(found) == ("lif2", 33, (1, 2))
    assert "not a spike train" in found["lif2"].kind


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_fail_with_any_tolerance(bad, bench):
    seen = bench.recorded
    seen["lif2.v"][33, 1, 2] = bad
    found = bench.verify(seen, lsb=1e30, membrane=1e6)
    assert place(found) == ("lif2.v", 33, (1, 2))
    assert found["lif2.v"].error == np.inf


@pytest.mark.slow
def test_every_single_changed_number_is_noticed(bench):
    """In every recording, the first and the last element included."""
    for key, array in bench.recorded.items():
        for spot in (0, array.size // 2, array.size - 1):
            seen = bench.recorded
            flat = seen[key].reshape(-1)
            flat[spot] = np.nextafter(flat[spot], np.float32(9)) if "lif" not in key else 7
            found = bench.verify(seen)
            step, *index = np.unravel_index(spot, array.shape)
            assert found.verdict == "fails", (key, spot)
            assert place(found) == (key, step, tuple(map(int, index)))


@pytest.mark.slow
def test_every_step_of_every_chunk_is_compared(tmp_path, monkeypatch):
    """The last chunk, which has one step only, and what moves from one into the next, too."""
    monkeypatch.setattr(generate, "MOST_STEPS", 7)
    own = Bench(layered(), tmp_path / "r.h5", signal(6, steps=22))
    true = own.recorded
    with ReferenceFile(own.path) as file:
        assert file.chunk == 7
        for key, step in itertools.product(("lif1", "lif1.v"), range(22)):
            seen = {key: own.recorded[key]}
            seen[key][step, 1, 2] += 1
            assert place(nirx.verify(file, seen)) == (key, step, (1, 2))
        for key, wrong in (("lif1.v", 3.0), ("lif1", np.nan), ("lif1", 9.0)):  # twice: the first
            seen = {key: own.recorded[key]}
            seen[key][[5, 18], 1, 2] = wrong
            assert place(nirx.verify(file, seen)) == (key, 5, (1, 2))
        late = shifted(true["lif1"], 1)
        found = nirx.verify(file, {"lif1": late})
        assert found["lif1"].kind == "every spike is 1 step late"
        found = nirx.verify(file, {"lif1": late}, jitter=1)
        assert found.verdict == "within tolerance"
        assert true["lif1"][-1].any()
        assert found["lif1"].jitter == 1


@pytest.mark.slow
def test_several_batch_axes_and_none(tmp_path):
    for batch in ((2, 3), (1,)):
        own = Bench(layered(), tmp_path / f"{len(batch)}.h5", signal(6, batch=batch))
        seen = own.recorded
        assert own.verify(seen).verdict == "exact"
        sample = (*(0,) * (len(batch) - 1), batch[-1] - 1)
        seen["lif1"][4, *sample, 5] += 1
        assert place(own.verify(seen)) == ("lif1", 4, (*sample, 5))
    bare = {key: value[:, 0] for key, value in own.recorded.items()}
    assert own.verify(bare).verdict == "exact"


def test_several_spikes_in_one_step(tmp_path):
    d = nirx.Discretization(dt=D.dt, spikes="multi", reset="subtract")
    own = Bench(layered(), tmp_path / "r.h5", signal(6) * 4, discretization=d)
    seen = own.recorded
    assert seen["lif1"].max() > 1
    assert own.verify(seen).verdict == "exact"
    step, *index = np.argwhere(seen["lif1"] > 1)[4]
    seen["lif1"][step, *index] -= 1
    found = own.verify(seen)
    assert place(found) == ("lif1", step, tuple(index))
    assert found["lif1"].kind == "one spike missing"


def test_keys_can_be_tuples_and_arrays_of_any_kind(bench):
    seen = bench.recorded
    found = bench.verify({("lif1",): seen["lif1"].astype(bool), ("lif1", "v"): seen["lif1.v"]})
    assert [n.key for n in found.nodes] == ["lif1", "lif1.v"]
    assert found.verdict == "exact"
    assert found.not_observed[:2] == ("input", "fc1")
    assert "not observed: input, fc1" in str(found)
    assert bench.verify({"lif1": seen["lif1"].tolist()}).verdict == "exact"
    assert bench.verify({"lif1.v": seen["lif1.v"].astype(np.float64)}).verdict == "exact"


def test_verdicts_are_found_by_key(bench):
    found = bench.verify(bench.recorded)
    assert found["lif1"].key == "lif1"
    with pytest.raises(nirx.InputError, match="did you mean 'lif"):
        found["lif"]
