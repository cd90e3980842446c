"""`nirx.verify`: what was planted is found where it was planted, and nothing else is."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.basics.tables import render
from nirx.comparison.divergence import Divergence
from nirx.references import generate
from nirx.references.reading import ReferenceFile
from nirx.references.reference import reference
from nirx.verification.table import verdict_table
from nirx.verification.words import percent, place_text

D = nirx.Discretization(dt=1e-3)
STEPS, BATCH = 120, 2


def lif(size: int, threshold: float = 0.3, reset: float = 0.05) -> nir.LIF:
    n = np.ones(size, np.float32)
    return nir.LIF(n * 5e-3, n, n * 0, n * threshold, n * reset)


def weights(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.15, 0.6, shape).astype(np.float32)


def graph_of(nodes: dict[str, Any], edges: list[tuple[str, str]] | None = None) -> nir.NIRGraph:
    return nir.NIRGraph(nodes, edges or list(itertools.pairwise(nodes)), type_check=False)


def ends(takes: int, gives: int) -> tuple[Any, Any]:
    return nir.Input({"input": np.array([takes])}), nir.Output({"output": np.array([gives])})


def layered(late: str | None = None) -> nir.NIRGraph:
    """Three layers; `late` gets a Delay of one step behind it, called "late"."""
    first, last = ends(6, 4)
    nodes: dict[str, Any] = {"input": first, "fc1": nir.Affine(weights(8, 6), weights(8) * 0.1)}
    nodes |= {"lif1": lif(8), "fc2": nir.Linear(weights(7, 8, seed=1)), "lif2": lif(7)}
    nodes |= {"fc3": nir.Linear(weights(4, 7, seed=2)), "lif3": lif(4), "output": last}
    if late is not None:
        names = list(nodes)
        names.insert(names.index(late) + 1, "late")
        nodes["late"] = nir.Delay(np.full(len(nodes[late].tau), D.dt))
        nodes = {name: nodes[name] for name in names}
    return graph_of(nodes)


def nested() -> nir.NIRGraph:
    first, last = ends(5, 3)
    inner = graph_of({"input": first, "fc": nir.Linear(weights(3, 5)), "lif": lif(3), "out": last})
    inner.nodes["out"] = ends(5, 3)[1]
    outer = {"input": ends(5, 3)[0], "sub": inner, "lif": lif(3, 0.1), "output": last}
    return graph_of(outer)


def recurrent() -> nir.NIRGraph:
    first, last = ends(4, 4)
    nodes = {"input": first, "fc": nir.Linear(weights(4, 4)), "lif": lif(4), "output": last}
    nodes["back"] = nir.Linear(weights(4, 4, seed=5))
    edges = [("input", "fc"), ("fc", "lif"), ("lif", "output"), ("lif", "back"), ("back", "lif")]
    return graph_of(nodes, edges)


GRAPHS = {"layered": layered, "nested": nested, "recurrent": recurrent}


def signal(size: int, steps: int = STEPS, batch: tuple[int, ...] = (BATCH,)) -> np.ndarray:
    return (np.random.default_rng(3).random((steps, *batch, size)) < 0.5).astype(np.float32)


def run(graph: nir.NIRGraph, xs: Any, d: nirx.Discretization = D, dtype: str = "float32") -> Any:
    net = nirx.from_nir(graph, "numpy", d, dtype, reproducible=True)
    return net.run(xs, record="all")[2]


class Made:
    """A reference with what it was made of; `recorded` is a fresh copy of the true recording."""

    def __init__(self, graph: nir.NIRGraph, path: Path, **options: Any):
        size = int(np.asarray(graph.nodes["input"].input_type["input"])[0])
        self.graph, self.xs = graph, signal(size).astype(options.get("dtype", "float32"))
        self.path = path
        reference(graph, self.xs, path, discretization=D, **options)
        self._true = run(graph, self.xs, dtype=options.get("dtype", "float32"))

    @property
    def recorded(self) -> dict[str, np.ndarray]:
        return {key: value.copy() for key, value in self._true.items()}

    def verify(self, observed: Any, **options: Any) -> nirx.Verification:
        return nirx.verify(self.path, observed, **options)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    return Made(layered(), tmp_path_factory.mktemp("ref") / "r.h5")


def place(first: Any) -> tuple[str, int, tuple[int, ...]]:
    return first.node, first.step, first.index


def first_difference(a: np.ndarray, b: np.ndarray) -> tuple[int, tuple[int, ...]]:
    """By plain search, time first."""
    step, *index = np.argwhere(a != b)[0]
    return int(step), tuple(map(int, index))


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("options", [{}, {"spikes": "events"}, {"dtype": "float64"}], ids=str)
def test_the_same_numbers_are_exact(name, options, tmp_path):
    own = Made(GRAPHS[name](), tmp_path / "r.h5", **options)
    found = own.verify(own.recorded)
    assert found.verdict == "exact"
    assert found.agree
    assert found.first_divergence is None
    assert {n.verdict for n in found.nodes} == {"exact"}
    assert not found.not_observed
    assert not found.partial
    assert (found.steps, found.samples) == (STEPS, BATCH)
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
    own = Made(GRAPHS[name](), tmp_path / "r.h5")
    keys = [n.key for n in own.verify(own.recorded).nodes if n.spikes]
    random = np.random.default_rng(0)
    for key in keys:
        for there in (True, False):
            seen = own.recorded
            places = np.argwhere((seen[key] > 0) == there)
            step, *index = map(int, places[random.integers(len(places))])
            seen[key][step, *index] = not there
            found = own.verify(seen)
            assert found.verdict == "fails"
            assert place(found.first_divergence) == (key, step, tuple(index))
            assert [n.key for n in found.nodes if n.verdict != "exact"] == [key]
            wanted = "one spike missing" if there else "one spike too many"
            assert found[key].kind == wanted
            assert found[key].by is None
            assert wanted in str(found)


@pytest.mark.parametrize("layer", ["lif1", "lif2", "lif3"])
def test_a_layer_that_is_one_step_late_is_located(layer, made):
    chip = run(layered(late=layer), made.xs)
    chip[layer] = chip.pop("late")
    del chip[f"{layer}.v"]
    true = made.recorded
    found = made.verify(chip)
    step, index = first_difference(true[layer], chip[layer])
    assert place(found.first_divergence) == (layer, step, index)
    assert found.first_divergence is not None
    assert (found.first_divergence.reference, found.first_divergence.other) == (1.0, 0.0)
    assert found[layer].kind == "every spike is 1 step late"
    assert f"{layer}: every spike is 1 step late" in str(found)
    failed = [n for n in found.nodes if n.verdict == "fails"]
    assert [n.follows for n in failed] == [None] + [layer] * (len(failed) - 1)
    before = [n for n in found.nodes if n.key < layer and n.key.startswith("lif")]
    assert all(n.verdict == "exact" for n in before)
    assert found.not_observed == (f"{layer}.v",)


def test_a_late_layer_passes_with_jitter_as_far_as_it_goes(made):
    chip = run(layered(late="lif3"), made.xs)
    seen = {"lif3": chip["late"]}
    seen["lif3"] = np.concatenate([seen["lif3"][1:], seen["lif3"][:0], made.recorded["lif3"][-1:]])
    assert made.verify(seen).verdict == "exact"
    name = next(k for k in ("lif1", "lif2") if made.recorded[k][-1].any())  # cut off
    chip = run(layered(late=name), made.xs)
    late = {name: chip["late"]}
    assert not made.verify(late).agree
    found = made.verify(late, jitter=1)
    assert (found.verdict, found[name].by) == ("within tolerance", "jitter")
    assert found[name].at_ends > 0
    assert "at the ends without a partner" in str(found)
    late[name] = late[name].copy()
    step, *index = np.argwhere(late[name] > 0)[20]
    late[name][step, *index] = 0
    found = made.verify(late, jitter=1)
    assert (found[name].kind, found[name].missing) == ("one spike missing", 1)
    first = found.first_divergence
    assert first is not None
    assert abs(first.step - step) <= 2
    assert first.index == tuple(index)


def test_the_ends_do_not_swallow_the_recording(made):
    silent = {"lif1": made.recorded["lif1"] * 0}
    for jitter in (1, 59, 60, 1000):
        assert made.verify(silent, jitter=jitter).verdict == "fails"
    late = {"lif1": np.roll(made.recorded["lif1"], 60, axis=0)}
    late["lif1"][:60] = 0
    text = str(made.verify(late, jitter=60))
    assert "every spike" not in text, "what was allowed is no reason"


@pytest.mark.parametrize(("steps", "jitter"), [(4, 1), (5, 2), (8, 2), (101, 26), (101, 50)])
def test_where_the_ends_are_half_of_it_nothing_is_let_off(steps, jitter, tmp_path):
    """As a chip that is dead was within the tolerance of three steps, or of a large jitter."""
    n = np.ones(1, np.float32)
    nodes = {"input": ends(1, 1)[0], "neuron": nir.Threshold(n * 0.5), "output": ends(1, 1)[1]}
    xs = np.zeros((steps, 1, 1), np.float32)
    xs[[0, steps // 2]] = 1
    reference(graph_of(nodes), xs, tmp_path / "r.h5", discretization=D)
    live = xs.copy()
    live[0] = 0
    found = nirx.verify(tmp_path / "r.h5", {"neuron": live}, jitter=jitter)
    assert (found.verdict, found["neuron"].at_ends) == ("fails", 0)
    longer = np.concatenate([xs, np.zeros((9 * jitter, 1, 1), np.float32)])
    reference(graph_of(nodes), longer, tmp_path / "l.h5", discretization=D)
    longer[0] = 0
    found = nirx.verify(tmp_path / "l.h5", {"neuron": longer}, jitter=jitter)
    assert (found.verdict, found["neuron"].at_ends) == ("within tolerance", 1)


def test_a_dead_chip_is_not_let_off_its_only_spikes(tmp_path):
    n = np.ones(2, np.float32)
    nodes = {"input": ends(2, 2)[0], "neuron": nir.Threshold(n * 0.5), "output": ends(2, 2)[1]}
    xs = np.zeros((40, 1, 2), np.float32)
    xs[[0, 39], 0, [0, 1]] = 1
    reference(graph_of(nodes), xs, tmp_path / "r.h5", discretization=D)
    found = nirx.verify(tmp_path / "r.h5", {"neuron": xs * 0}, jitter=2)
    assert (found.verdict, found["neuron"].missing) == ("fails", 2)
    assert place(found.first_divergence) == ("neuron", 0, (0, 0))
    assert found["neuron"].at_ends == 0
    xs[39] = 0
    found = nirx.verify(tmp_path / "r.h5", {"neuron": xs}, jitter=2)
    assert found.verdict == "within tolerance"
    assert "1 spike at the ends not counted" in render(verdict_table(found), 400)
    assert "off by 0 steps" not in str(found)


def test_any_whole_number_is_a_jitter(made):
    late = {"lif1": made.recorded["lif1"]}
    step, *index = np.argwhere(late["lif1"][5:-5] > 0)[9]
    late["lif1"][step + 5, *index] = 0
    for jitter in (np.int64(1), np.uint8(1)):
        found = made.verify(late, jitter=jitter)
        assert type(found.tolerance.jitter) is int
    with pytest.raises(nirx.InputError, match="expected a whole number of steps"):
        made.verify(late, jitter=np.bool_(True))


def test_tolerances_are_told_as_a_sentence(made):
    told = [
        str(made.verify(made.recorded, **own).tolerance)
        for own in ({"rate": 0.05}, {"rate": 0.05, "jitter": 2}, {"jitter": 1}, {})
    ]
    assert told == [
        "spike counts within 5.000%",
        "spikes within 2 steps or spike counts within 5.000%",
        "spikes within 1 step",
        "equal numbers",
    ]


def test_values_in_whole_numbers_are_told_to_be_of_another_unit(made):
    wanted = "lif1.v: the recording holds whole numbers: scale it to the reference's unit, and set"
    true = made.recorded["lif1.v"]
    counts = np.rint(true * 256)
    for whole in (counts.astype(np.int16), counts):
        found = made.verify({"lif1.v": whole})
        assert found["lif1.v"].kind
        assert wanted in str(found)
    for other in (true + np.float32(0.25), true * 0, np.where(true > 0.1, np.nan, counts)):
        assert "whole numbers" not in str(made.verify({"lif1.v": other}))
    assert "whole numbers" not in str(made.verify({"fc1": np.full_like(true, np.inf)}))
    quantised = {"lif1.v": counts / 256}
    assert "whole numbers" not in str(made.verify(quantised))
    seen = made.recorded
    seen["lif1"][0] = 1 - seen["lif1"][0]  # the cause, from the same step on
    assert wanted in str(made.verify({"lif1": seen["lif1"], "lif1.v": counts}))


def test_a_spike_whose_place_is_taken_is_said_to_be(tmp_path):
    """Of spikes in every step one is lost: the one before it finds its place taken."""
    n = np.ones(1, np.float32)
    nodes = {"input": ends(1, 1)[0], "neuron": nir.Threshold(n * 0.5), "output": ends(1, 1)[1]}
    own = Made(graph_of(nodes), tmp_path / "r.h5")
    xs = np.zeros((40, 2, 1), np.float32)
    xs[5:30] = 1
    reference(own.graph, xs, tmp_path / "s.h5", discretization=D)
    late = np.zeros_like(xs)
    late[6:31] = 1
    late[20, 1] = 0
    found = nirx.verify(tmp_path / "s.h5", {"neuron": late}, jitter=1)
    assert place(found.first_divergence) == ("neuron", 19, (1, 0))
    wanted = (
        "step 19, neuron, sample 1, neuron 0: reference 1, observed 1 (the partner of an earlier"
    )
    assert wanted in str(found)


@pytest.mark.parametrize("layer", ["lif1", "lif2", "lif3"])
@pytest.mark.parametrize("change", [{"reset": "subtract"}, {"reset_when": "next"}], ids=str)
@pytest.mark.parametrize("states", [True, False])
def test_another_reset_in_one_layer_is_located(layer, change, states, made):
    chip = run(made.graph, made.xs, nirx.Discretization(dt=D.dt, overrides={layer: change}))
    true = made.recorded
    if not states:
        chip = {key: value for key, value in chip.items() if not key.endswith(".v")}
    found = made.verify(chip)
    order = [layer, f"{layer}.v"] if states else [layer]
    parted = [(*first_difference(true[k], chip[k]), k) for k in order if (true[k] != chip[k]).any()]
    step, index, key = min(parted, key=lambda own: own[0])
    assert place(found.first_divergence) == (key, step, index)
    assert [n.key for n in found.nodes if n.verdict == "fails" and n.follows is None] == [key]


def test_why_names_the_rule(made):
    d = nirx.Discretization(dt=D.dt, overrides={"lif2": {"reset": "subtract"}})
    found = made.verify(run(made.graph, made.xs, d), why=True)
    assert any("lif2 subtracts the threshold in the step of the spike" in s for s in found.why)
    assert any("lif1 does what you asked for" in s for s in found.why)
    assert str(found).count("lif2 subtracts") == 1
    assert made.verify(made.recorded, why=True).why == ()
    only_values = {"fc1": made.recorded["fc1"] + 1}
    assert made.verify(only_values, why=True).why[0].startswith("no diagnosis: ")


def test_independent_faults_are_both_origins(made):
    seen = made.recorded
    seen["fc3"][5, 0, 0] += 1
    seen["lif1"][60, 0, 0] = 1 - seen["lif1"][60, 0, 0]
    seen["lif2"][61, 0, 0] = 1 - seen["lif2"][61, 0, 0]
    found = made.verify(seen)
    assert place(found.first_divergence) == ("fc3", 5, (0, 0))
    assert found["lif1"].follows is None
    assert found["lif2"].follows is None, "fc2 between them is as it should be"
    del seen["fc2"]
    found = made.verify(seen)
    assert found["lif2"].follows == "lif1"
    assert "follows lif1" in str(found)


def test_a_state_explains_no_other_node_while_the_spikes_are_right(made):
    """The finding: membranes that round otherwise, and a second layer that is late."""
    chip = made.recorded
    chip["lif1.v"] = chip["lif1.v"] * np.float32(1 + 3e-7)
    chip["lif2"] = np.concatenate([chip["lif2"][:1] * 0, chip["lif2"][:-1]])
    for key in ("fc1", "fc2", "lif2.v", "fc3", "lif3", "lif3.v", "output"):
        del chip[key]
    found = made.verify(chip)
    assert found["lif1"].verdict == "exact"
    assert found["lif1.v"].verdict == "fails"
    assert found["lif2"].follows is None
    assert "lif2: every spike is 1 step late" in str(found)
    # The spikes of lif1 part later than those of lif2: they cannot be the reason either.
    chip["lif1"][100, 0, 0] = 1 - chip["lif1"][100, 0, 0]
    assert made.verify(chip)["lif2"].follows is None
    # Nobody looked at the spikes of lif1: then it may be so, but how lif2 fails is still told.
    del chip["lif1"]
    found = made.verify(chip)
    assert found["lif2"].follows == "lif1.v"
    assert "lif2: every spike is 1 step late" in str(found)


def test_how_spikes_fail_is_told_beside_their_own_membrane(made):
    """Also where the membrane parts first, so that the spikes follow from it."""
    chip = {key: made.recorded[key] for key in ("lif3", "lif3.v")}
    assert not chip["lif3"][0].any()
    chip["lif3"] = np.concatenate([chip["lif3"][:1] * 0, chip["lif3"][:-1]])
    chip["lif3.v"][0] += 0.5
    found = made.verify(chip)
    assert found["lif3"].follows == "lif3.v"
    assert "lif3: every spike is 1 step late" in str(found)


def test_rounding_is_named_with_what_allows_it(made):
    chip = made.recorded
    true = chip["lif1.v"]
    chip["lif1.v"] = true * np.float32(1 + 3e-7)
    found = made.verify(chip)
    error, largest = np.abs(chip["lif1.v"] - true).max(), np.abs(true).max()
    assert found["lif1.v"].largest == largest
    wanted = f"lif1.v is off by rounding only ({error:.2g} of {largest:.2g}); allow it with --lsb"
    assert wanted in str(found)
    assert "--lsb 1e-6 --membrane 1 (Python: lsb=1e-6, membrane=1)" in str(found)
    assert made.verify(chip, lsb=1e-6, membrane=1).verdict == "within tolerance"
    chip["lif2.v"] = chip["lif2.v"] * np.float32(1 - 3e-7)
    text = str(made.verify(chip))
    assert "lif1.v, lif2.v are off by rounding only" in text
    text = str(made.verify(chip, lsb={"lif2.v": 1e-9}, membrane=2))
    assert "--lsb lif1.v=1e-6" in text
    chip["lif2.v"][3, 0, 0] += 0.1
    text = str(made.verify(chip))
    assert "lif1.v is off by rounding only" in text
    assert "rounding" not in str(made.verify({"lif2.v": chip["lif2.v"]}))


def test_places_are_told_in_words(tmp_path):
    """Who is who, and which axes are samples."""
    graph, shape = layered(), (2, 0, 3)
    found = Divergence(14, "lif2", (1, 0), 1.0, 0.0)
    assert place_text(found, 1, 0) == "step 14, lif2, sample 1, neuron 0: reference 1, observed 0"
    found = Divergence(0, "c.v", (1, *shape), float(np.float32(0.1)), float("nan"))
    wanted = "step 0, c.v, sample 1, neuron (2, 0, 3): reference 0.1, observed nan"
    assert place_text(found, 1, 0) == wanted
    xs = signal(6, steps=20, batch=(2, 3))
    reference(graph, xs, tmp_path / "r.h5", discretization=D)
    seen = run(graph, xs)
    seen["lif1"][4, 1, 2, 5] = 1 - seen["lif1"][4, 1, 2, 5]
    assert "step 4, lif1, sample (1, 2), neuron 5: reference " in str(
        nirx.verify(tmp_path / "r.h5", seen)
    )
    assert percent(0.524) == "52 %"
    assert percent(0.0004) == "0.04 %"
    assert percent(np.inf) == "infinitely"


def test_of_one_step_the_node_that_runs_first_counts(made):
    seen = made.recorded
    for key in ("lif3", "fc2", "lif2.v"):
        seen[key][7, 1, 1] += 1
    assert place(made.verify(seen).first_divergence) == ("fc2", 7, (1, 1))


@pytest.mark.parametrize(
    ("shift", "text"),
    [(1, "1 step late"), (-1, "1 step early"), (3, "3 steps late"), (-8, "8 steps early")],
)
def test_whole_shifts_are_named(shift, text, made):
    seen = made.recorded
    moved = np.zeros_like(seen["lif1"])
    if shift > 0:
        moved[shift:] = seen["lif1"][:-shift]
    else:
        moved[:shift] = seen["lif1"][-shift:]
    assert made.verify({"lif1": moved})["lif1"].kind == f"every spike is {text}"
    moved[50, 0, 0] = 1 - moved[50, 0, 0]
    assert "spikes differ" in made.verify({"lif1": moved})["lif1"].kind


def test_jitter_is_one_to_one_and_told(made):
    seen = made.recorded
    lonely = np.zeros_like(seen["lif1"])
    step, sample, neuron = next(
        place
        for place in np.argwhere(seen["lif1"] > 0)
        if seen["lif1"][max(0, place[0] - 6) : place[0] + 7, place[1], place[2]].sum() == 1
        and 6 < place[0] < STEPS - 6
    )
    lonely = seen["lif1"].copy()
    lonely[step, sample, neuron], lonely[step + 2, sample, neuron] = 0, 1
    found = made.verify({"lif1": lonely}, jitter=2)
    assert (found.verdict, found["lif1"].by, found["lif1"].jitter) == (
        "within tolerance",
        "jitter",
        2,
    )
    assert "spikes off by 2 steps at most" in str(found)
    too_little = made.verify({"lif1": lonely}, jitter=1)
    assert place(too_little.first_divergence) == ("lif1", step, (sample, neuron))
    assert (too_little["lif1"].missing, too_little["lif1"].extra) == (1, 1)
    lonely[step + 1, sample, neuron] = 1  # two for one
    found = made.verify({"lif1": lonely}, jitter=2)
    assert found["lif1"].kind == "one spike too many"


def test_rates_stand_in_for_single_spikes_only_where_asked_for(made):
    seen = made.recorded
    counts = seen["lif1"].sum(axis=0)
    sample, neuron = np.unravel_index(counts.argmax(), counts.shape)
    train = seen["lif1"][:, sample, neuron]
    train[np.flatnonzero(train)[3]] = 0
    error = 1 / counts.max()
    assert not made.verify(seen).agree
    assert not made.verify(seen, rate=error * 0.99).agree
    found = made.verify(seen, rate=error * 1.01)
    assert found.verdict == "within tolerance"
    assert found["lif1"].by == "rate"
    assert found["lif1"].rate_error == pytest.approx(error)
    assert f"rates {percent(error)} off at most" in render(verdict_table(found), 400)
    assert "passes by its rates only" in str(found)
    assert "1 missing" in str(found)
    silent = np.argwhere(counts == 0)
    assert silent.size, "the test wants a silent neuron"
    seen["lif1"][9, *silent[0]] = 1
    found = made.verify(seen, rate=0.999)
    assert not found.agree
    assert found["lif1"].rate_error == np.inf


def test_a_moved_spike_does_not_pass_by_a_rate_that_nobody_allowed(made):
    seen = made.recorded
    train = seen["lif1"][:, 0, int(seen["lif1"][:, 0].sum(axis=0).argmax())]
    there, free = np.flatnonzero(train)[2], np.flatnonzero(train == 0)[-1]
    train[there], train[free] = 0, 1
    found = made.verify(seen)
    assert found["lif1"].rate_error == 0
    assert not found.agree


def test_lsb(made):
    lsb = 1 / 64
    seen = made.recorded
    for key in ("lif1.v", "lif2.v"):
        seen[key] = (np.round(seen[key] / lsb) * lsb).astype(np.float32)
    assert not made.verify(seen).agree
    assert not made.verify(seen, lsb=lsb).agree
    assert not made.verify(seen, lsb=lsb, membrane=0.3).agree
    found = made.verify(seen, lsb=lsb, membrane=0.5)
    assert (found.verdict, found["lif1.v"].by) == ("within tolerance", "lsb")
    off = found["lif1.v"].lsb_error
    assert off is not None
    assert 0.3 < off <= 0.5
    assert "LSB" in str(found)
    assert made.verify(seen, lsb={"lif1.v": lsb, "lif2.v": lsb}, membrane=0.5).agree
    one = made.verify(seen, lsb={"lif1.v": lsb}, membrane=0.5)
    assert one["lif1.v"].verdict == "within tolerance"
    assert one["lif2.v"].verdict == "fails"
    assert made.verify(seen, lsb={"lif1.v": lsb, None: 2 * lsb}, membrane=0.5).agree


def test_one_whole_lsb_is_one_in_spite_of_rounding(made):
    seen = made.recorded
    seen["lif1.v"] = (seen["lif1.v"] + np.float32(0.1)).astype(np.float32)
    assert made.verify(seen, lsb=0.1, membrane=1)["lif1.v"].verdict == "within tolerance"
    assert made.verify(seen, lsb=0.1, membrane=0.999)["lif1.v"].verdict == "fails"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0, 0.5, 1e30])
def test_what_is_no_spike_train_fails_whatever_is_allowed(bad, made):
    seen = made.recorded
    seen["lif2"][33, 1, 2] = bad
    found = made.verify(seen, jitter=1000, rate=0.999)
    assert place(found.first_divergence) == ("lif2", 33, (1, 2))
    assert "not a spike train" in found["lif2"].kind


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_fail_whatever_is_allowed(bad, made):
    seen = made.recorded
    seen["lif2.v"][33, 1, 2] = bad
    found = made.verify(seen, lsb=1e30, membrane=1e6)
    assert place(found.first_divergence) == ("lif2.v", 33, (1, 2))
    assert found["lif2.v"].error == np.inf


def test_every_single_changed_number_is_noticed(made):
    """A comparator that cannot fail is a fault: every recording, first and last element too."""
    for key, array in made.recorded.items():
        for spot in (0, array.size // 2, array.size - 1):
            seen = made.recorded
            flat = seen[key].reshape(-1)
            flat[spot] = np.nextafter(flat[spot], np.float32(9)) if "lif" not in key else 7
            found = made.verify(seen)
            step, *index = np.unravel_index(spot, array.shape)
            assert found.verdict == "fails", (key, spot)
            assert place(found.first_divergence) == (key, step, tuple(map(int, index)))


def test_several_batch_axes_and_none(tmp_path):
    graph = layered()
    for batch in ((2, 3), (1,)):
        xs = signal(6, batch=batch)
        path = tmp_path / f"{len(batch)}.h5"
        reference(graph, xs, path, discretization=D)
        seen = run(graph, xs)
        assert nirx.verify(path, seen).verdict == "exact"
        seen["lif1"][4, *(0,) * (len(batch) - 1), -1, 5] += 1
        first = nirx.verify(path, seen).first_divergence
        assert place(first) == ("lif1", 4, (*(0,) * (len(batch) - 1), batch[-1] - 1, 5))
    bare = {key: value[:, 0] for key, value in run(graph, xs).items()}
    assert nirx.verify(path, bare).verdict == "exact"


def test_numbers_of_spikes(tmp_path):
    d = nirx.Discretization(dt=D.dt, spikes="multi", reset="subtract")
    xs = signal(6) * 4
    reference(layered(), xs, tmp_path / "r.h5", discretization=d)
    seen = run(layered(), xs, d)
    assert seen["lif1"].max() > 1
    assert nirx.verify(tmp_path / "r.h5", seen).verdict == "exact"
    step, *index = np.argwhere(seen["lif1"] > 1)[4]
    seen["lif1"][step, *index] -= 1
    found = nirx.verify(tmp_path / "r.h5", seen)
    assert place(found.first_divergence) == ("lif1", step, tuple(index))
    assert found["lif1"].kind == "one spike missing"


def test_tuples_are_keys_and_other_arrays_are_taken(made):
    seen = made.recorded
    found = made.verify({("lif1",): seen["lif1"].astype(bool), ("lif1", "v"): seen["lif1.v"]})
    assert [n.key for n in found.nodes] == ["lif1", "lif1.v"]
    assert found.verdict == "exact"
    assert found.not_observed[:2] == ("input", "fc1")
    assert "not observed: input, fc1" in str(found)
    assert made.verify({"lif1": seen["lif1"].tolist()}).verdict == "exact"
    assert made.verify({"lif1.v": seen["lif1.v"].astype(np.float64)}).verdict == "exact"


def test_results_are_found_by_key(made):
    found = made.verify(made.recorded)
    assert found["lif1"].key == "lif1"
    with pytest.raises(nirx.InputError, match="did you mean 'lif"):
        found["lif"]


def test_the_picture(made, tmp_path):
    pytest.importorskip("matplotlib")
    seen = made.recorded
    seen["lif2"][50, 1, 1] = 1 - seen["lif2"][50, 1, 1]
    for name, observed in (("bad.png", seen), ("good.png", made.recorded)):
        made.verify(observed, plot=tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    made.verify(seen, plot=tmp_path / "bad.svg")
    text = (tmp_path / "bad.svg").read_text()
    assert "departs from the reference at step 50" in text
    nirx.verify(made.path, backend="numpy", plot=tmp_path / "b.svg")
    assert "every number is equal" in (tmp_path / "b.svg").read_text()
    with pytest.raises(nirx.InputError, match="a plot ends in"):
        made.verify(seen, plot=tmp_path / "x.gif")


def test_every_step_of_every_chunk_is_compared(tmp_path, monkeypatch):
    """Also the last chunk, which has one step only; and what moves from one into the next."""
    monkeypatch.setattr(generate, "MOST_STEPS", 7)
    graph, xs = layered(), signal(6, steps=22)
    reference(graph, xs, tmp_path / "r.h5", discretization=D)
    true = run(graph, xs)
    with ReferenceFile(tmp_path / "r.h5") as file:
        assert file.chunk == 7
        for key, step in itertools.product(("lif1", "lif1.v"), range(22)):
            seen = {key: true[key].copy()}
            seen[key][step, 1, 2] += 1
            assert place(nirx.verify(file, seen).first_divergence) == (key, step, (1, 2))
        for key, wrong in (("lif1.v", 3.0), ("lif1", np.nan), ("lif1", 9.0)):  # twice: the first
            seen = {key: true[key].copy()}
            seen[key][[5, 18], 1, 2] = wrong
            assert place(nirx.verify(file, seen).first_divergence) == (key, 5, (1, 2))
        late = np.concatenate([true["lif1"][:1] * 0, true["lif1"][:-1]])
        found = nirx.verify(file, {"lif1": late})
        assert found["lif1"].kind == "every spike is 1 step late"
        found = nirx.verify(file, {"lif1": late}, jitter=1)
        assert found.verdict == "within tolerance"
        assert true["lif1"][-1].any()
        assert found["lif1"].jitter == 1
