"""`nirx.diagnose`: what was planted is found, and what the data leave open is said so."""

from __future__ import annotations

import copy
import itertools
from dataclasses import replace
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.diagnosis.candidates import ORDER, Space, values_of
from nirx.dynamics.discretization import CHOICES

pytestmark = pytest.mark.slow

DT1 = nirx.Discretization(dt=1.0)
STEPS = 80

PLANTS: list[dict[str, Any]] = [
    {"integrator": "exponential"},
    {"threshold": "ge"},
    {"reset": "subtract"},
    {"reset": "none"},
    {"reset_when": "next"},
    {"reset_when": "next-leaked"},
    {"reset": "subtract", "reset_when": "next"},
    {"reset": "subtract", "reset_when": "next-leaked"},
    {"spikes": "multi"},
    {"spikes": "multi", "max_spikes": 2},
    {"reset_when": "next", "output": "old"},
    {"reset": "none", "output": "old"},
    {"initial_v": "leak"},
]
SYNAPTIC: list[dict[str, Any]] = [
    {"synapse": "voltage-first"},
    {"synapse_input": "jump"},
    {"synapse_input": "jump-then-decay"},
    {"synapse": "voltage-first", "synapse_input": "jump", "reset": "subtract"},
]


def chain(*nodes: Any, size: int = 12) -> nir.NIRGraph:
    """input -> n1 -> n2 -> ... -> output."""
    named = {f"n{i}": node for i, node in enumerate(nodes, start=1)}
    ends = [nir.Input({"input": np.array([size])}), nir.Output({"output": np.array([size])})]
    nodes_by_name = {"input": ends[0], **named, "output": ends[1]}
    edges = list(itertools.pairwise(nodes_by_name))
    return nir.NIRGraph(nodes_by_name, edges, type_check=False)


def lif(size: int = 12) -> nir.LIF:
    """Dyadic numbers, so that with Euler and dt=1 the threshold is hit exactly now and then."""
    n = np.ones(size)
    tau = np.resize([2.0, 4.0, 8.0], size)
    v_leak = np.resize([0.25, 0.0, 0.0, 0.5], size)
    return nir.LIF(tau, n, v_leak, n, np.resize([0.0, 0.125], size))


def cuba(size: int = 12) -> nir.CubaLIF:
    n, random = np.ones(size), np.random.default_rng(7)
    fast, slow = random.uniform(2, 5, size), random.uniform(2, 9, size)
    return nir.CubaLIF(fast, slow, n, n * 0.4, n, n * 0.1, random.uniform(1, 2, size))


def signal(*batch: int, seed: int = 0, size: int = 12, steps: int = STEPS) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 5, (steps, *batch, size)).astype(np.float64)


def record(graph: Any, d: nirx.Discretization, xs: Any, *keys: str) -> dict[str, np.ndarray]:
    _, _, found = nirx.from_nir(graph, "numpy", d, "float64").run(xs, record=list(keys))
    return found


def spikes_cannot_tell(name: str, value: Any) -> Any:
    """Reset after the spike or before the next leak: v differs, the spikes never do.

    Nor does a late output from a late recording.
    """
    if (name, value) == ("output", "old"):
        return ("old", "new")
    return ("same", "next-leaked") if (name, value) == ("reset_when", "next-leaked") else None


def test_every_choice_of_a_node_is_searched():
    net = nirx.from_nir(chain(cuba()), "numpy", DT1, "float64").schedule
    node = net.nodes[net.positions[("n1",)]]
    assert node.dynamics is not None
    values = values_of(node.dynamics, {"v_threshold": np.ones(1), "v_leak": np.ones(1)}, DT1, 3)
    assert set(values) == {*ORDER} - {"feedback", "feedback_initial"}
    assert all(set(values[name]) == set(CHOICES[name]) for name in values if name in CHOICES)
    assert values["max_spikes"] == (None, 3)


@pytest.mark.parametrize("plant", PLANTS, ids=str)
def test_a_planted_choice_of_a_lif_is_found_from_spikes(plant):
    graph, xs, d = chain(lif()), signal(4) * 2, replace(DT1, **plant)
    found = nirx.diagnose(graph, xs, record(graph, d, xs, "n1"), discretization=DT1)
    assert found.explained
    assert found["n1"].allows(d)
    for name, value in plant.items():
        assert found["n1"].possible[name] in ((value,), spikes_cannot_tell(name, value))
    if not found["n1"].open:
        assert found.discretization == d


@pytest.mark.parametrize("plant", [*PLANTS, *SYNAPTIC], ids=str)
def test_a_planted_choice_of_a_cuba_lif_is_found_from_spikes(plant):
    graph, d = chain(cuba()), replace(DT1, **plant)
    xs = signal(4) * (2 if "max_spikes" in plant else 1)
    found = nirx.diagnose(graph, xs, record(graph, d, xs, "n1"), discretization=DT1)
    assert found.explained
    assert found["n1"].allows(d)
    for name, value in plant.items():
        if name == "threshold":  # there are no ties behind a synapse
            assert set(found["n1"].possible[name]) == {"gt", "ge"}
        else:
            assert found["n1"].possible[name] in ((value,), spikes_cannot_tell(name, value))


def test_it_says_so_in_plain_words():
    graph, xs = chain(lif()), signal()
    d = replace(DT1, reset="subtract", reset_when="next")
    found = nirx.diagnose(graph, xs, record(graph, d, xs, "n1"), discretization=DT1)
    assert (
        "n1 subtracts the threshold one step late (reset='subtract', reset_when='next'); "
        "you asked for reset='value', reset_when='same'" in found.explain()
    )
    assert "n1 (LIF), by n1" in str(found)
    assert found.explain() in str(found)
    sooner = replace(DT1, reset="subtract")  # spikes do not tell when it is: left unsaid
    found = nirx.diagnose(graph, xs, record(graph, sooner, xs, "n1"), discretization=DT1)
    said = found.explain().split("\n")
    assert said[0] == "n1 subtracts the threshold (reset='subtract'); you asked for reset='value'"
    assert "left open for n1: reset_when: 'same' or 'next-leaked'" in said
    as_asked = nirx.diagnose(graph, xs, record(graph, DT1, xs, "n1"), discretization=DT1)
    assert "n1 does what you asked for" in as_asked.explain()
    assert as_asked.discretization == DT1


def test_every_phrase_exists():
    from nirx.diagnosis.words import PHRASES, RESETS

    said = {name for name, _ in PHRASES}
    assert said | {"reset", "reset_when"} == set(CHOICES)
    assert all((name, value) in PHRASES for name in said for value in CHOICES[name])
    for reset in (*CHOICES["reset"], None):
        for when in (*CHOICES["reset_when"], None):
            illegal = reset == "none" and when in ("next", "next-leaked")
            assert ((reset, when) in RESETS) is not (illegal or reset is when is None)


def test_every_node_is_searched_by_its_own_recorded_input():
    """The middle layer is wrong, and only the middle layer."""
    graph, xs = layers(), signal()
    d = replace(DT1, overrides={"n3": {"reset": "subtract", "threshold": "ge"}})
    found = nirx.diagnose(graph, xs, record(graph, d, xs, "n1", "n3", "n5"), discretization=DT1)
    assert [n.node for n in found.nodes] == ["n1", "n3", "n5"]
    assert "reset" in found["n3"].best.changes
    assert found["n1"].best.changes == found["n5"].best.changes == ()
    assert found.explained
    assert all(found[n].allows(d) for n in ("n1", "n3", "n5"))
    assert found.discretization.overrides["n3"]["reset"] == "subtract"
    assert set(found.discretization.overrides) == {"n3"}


def test_the_rule_that_most_nodes_share_is_the_base():
    graph, xs = layers(), signal()
    d = replace(DT1, reset="subtract", overrides={"n3": {"reset": "value"}})
    found = nirx.diagnose(graph, xs, record(graph, d, xs, "n1", "n3", "n5"), discretization=DT1)
    assert found.explained
    assert found.discretization.reset == "subtract"
    assert dict(found.discretization.overrides["n3"]) == {"reset": "value"}


def test_what_no_recording_bears_on_stays_as_asked():
    start = replace(DT1, synapse="voltage-first", overrides={"n2": {"reset": "none"}})
    graph, xs = chain(lif(), lif()), signal()
    found = nirx.diagnose(graph, xs, record(graph, start, xs, "n1"), discretization=start)
    assert found.discretization == start


def test_unrecorded_neurons_in_between_share_the_rule():
    n = np.ones(12)
    graph, xs = chain(nir.LI(n * 4.0, n * 2.0, n * 0.0), lif()), signal()
    d = replace(DT1, integrator="exponential", reset="subtract")
    found = nirx.diagnose(graph, xs, record(graph, d, xs, "n2"), discretization=DT1)
    assert found["n2"].searched_with == ("n1",)
    assert found["n2"].allows(d)
    assert found.explained
    assert found.discretization.integrator == "exponential"
    assert found.discretization.at(("n1",)).integrator == "exponential"
    assert "n2 shares its rule with n1" in found.explain()


@pytest.mark.parametrize("shift", [2, 1, -1, -2])
def test_a_recording_that_is_late_or_early(shift):
    graph, xs = chain(lif()), signal()
    spikes = record(graph, DT1, xs, "n1")["n1"]
    moved = np.zeros_like(spikes)
    moved[max(shift, 0) : STEPS + min(shift, 0)] = spikes[max(-shift, 0) : STEPS - max(shift, 0)]
    limits = {"output": ["new"]}  # "old" is a shift of its own
    found = nirx.diagnose(graph, xs, {"n1": moved}, discretization=DT1, choices=limits)
    assert found["n1"].best.shift == shift
    assert found["n1"].best.changes == ()
    assert found.explained
    assert ("late" if shift > 0 else "early") in found.explain()
    unmoved = nirx.diagnose(
        graph, xs, {"n1": moved}, discretization=DT1, choices=limits, max_shift=0
    )
    assert unmoved["n1"].best.shift == 0
    assert not unmoved.explained


def test_shifts_add_up_in_the_free_run():
    graph = chain(lif(), nir.Scale(np.full(12, 3.0)), lif())
    xs = signal()
    spikes = record(graph, DT1, xs, "n1", "n3")
    late = {k: np.concatenate([v[:1] * 0, v[:-1]]) for k, v in spikes.items()}
    found = nirx.diagnose(graph, xs, late, discretization=DT1, choices={"output": ["new"]})
    assert [found[n].best.shift for n in ("n1", "n3")] == [1, 0]
    assert [c.shift for c in found.confirmed] == [1, 1]


def test_an_affine_image_of_the_membrane():
    graph, xs = chain(lif()), signal()
    d = replace(DT1, reset="subtract")
    rec = record(graph, d, xs, "n1", "n1.v")
    image = {"n1": rec["n1"], "n1.v": 64 * rec["n1.v"] - 3}
    found = nirx.diagnose(graph, xs, image, discretization=DT1)
    best = found["n1"].best
    assert (round(best.scale, 9), round(best.offset, 9)) == (64, -3)
    assert found["n1"].pinned["reset"] == "subtract"
    assert found.explained
    assert "the membrane of n1 is recorded as 64*v + -3" in found.explain()
    plain = nirx.diagnose(graph, xs, rec, discretization=DT1)
    assert (plain["n1"].best.scale, plain["n1"].best.offset) == (1.0, 0.0)


def test_membrane_alone_and_current_alone():
    graph, xs = chain(cuba()), signal()
    d = replace(DT1, synapse="voltage-first", synapse_input="jump", reset="subtract")
    rec = record(graph, d, xs, "n1.v", "n1.i")
    by_v = nirx.diagnose(graph, xs, {"n1.v": rec["n1.v"]}, discretization=DT1)
    assert by_v.explained
    for name in ("synapse", "synapse_input", "reset"):
        assert by_v["n1"].pinned[name] == getattr(d, name)
    by_i = nirx.diagnose(graph, xs, {"n1.i": rec["n1.i"]}, discretization=DT1)
    assert by_i["n1"].pinned["synapse_input"] == "jump"
    assert set(by_i["n1"].open) >= {"reset", "synapse"}


def test_membranes_alone_of_two_layers_share_a_rule():
    """The v of a neuron does not drive the next one: its spikes do, and were not recorded."""
    graph, xs = chain(lif(), nir.Scale(np.full(12, 3.0)), lif()), signal()
    d = replace(DT1, reset="subtract", integrator="exponential")
    found = nirx.diagnose(graph, xs, record(graph, d, xs, "n1.v", "n3.v"), discretization=DT1)
    assert found["n1"].searched_with == ()
    assert found["n3"].searched_with == ("n1",)
    assert found.explained
    assert (found.discretization.reset, found.discretization.integrator) == (
        "subtract",
        "exponential",
    )


def test_a_recorded_value_is_judged_and_drives_what_follows():
    n = np.ones(12)
    graph, xs = chain(nir.LI(n * 4.0, n * 2.0, n * 0.25), lif()), signal()
    d = replace(DT1, overrides={"n1": {"integrator": "exponential", "initial_v": "leak"}})
    found = nirx.diagnose(graph, xs, record(graph, d, xs, "n1", "output"), discretization=DT1)
    assert found["n1"].pinned["integrator"] == "exponential"
    assert found["n1"].pinned["initial_v"] == "leak"
    assert found["n2"].searched_with == ()
    assert found["n2"].best.changes == ()
    assert found.explained


def test_a_float32_recording_needs_no_tolerance_of_its_own():
    graph, xs = chain(lif()), signal()
    d = replace(DT1, integrator="exponential")
    _, _, rec = nirx.from_nir(graph, "numpy", d, "float32").run(
        xs.astype(np.float32), record=["n1.v"]
    )
    found = nirx.diagnose(graph, xs.astype(np.float32), rec, discretization=DT1)
    assert found.explained
    assert found["n1"].pinned["integrator"] == "exponential"
    assert not nirx.diagnose(graph, xs, rec, discretization=DT1, tolerance=0.0).explained


def test_a_silent_neuron_says_nothing_about_spike_and_reset():
    graph, xs = chain(lif()), signal() * 0.01
    d = replace(DT1, reset="subtract", threshold="ge")
    found = nirx.diagnose(graph, xs, record(graph, d, xs, "n1"), discretization=DT1)
    assert found["n1"].silent
    assert set(found["n1"].open) >= {"threshold", "reset", "reset_when", "spikes"}
    assert found["n1"].best.changes == ()
    assert "n1 never spikes: the recording says nothing about threshold and reset" in str(found)


def layers() -> nir.NIRGraph:
    """Three layers of LIF, n1, n3 and n5."""
    gain = nir.Scale(np.full(12, 3.0))
    return chain(lif(), gain, lif(), gain, lif())


def recurrent() -> nir.NIRGraph:
    nodes = {
        "input": nir.Input({"input": np.array([12])}),
        "lif": lif(),
        "back": nir.Affine(-np.eye(12)[::-1], np.full(12, 2.0)),
        "output": nir.Output({"output": np.array([12])}),
    }
    edges = [("input", "lif"), ("lif", "back"), ("back", "lif"), ("lif", "output")]
    return nir.NIRGraph(nodes, edges, type_check=False)


@pytest.mark.parametrize("initial", CHOICES["feedback_initial"])
def test_a_recurrent_neuron_is_driven_by_its_own_recording(initial):
    graph, xs = recurrent(), signal()
    d = replace(DT1, reset="subtract", feedback_initial=initial)
    found = nirx.diagnose(graph, xs, record(graph, d, xs, "output"), discretization=DT1)
    assert found["lif"].pinned["reset"] == "subtract"
    assert found["lif"].allows(d)
    assert found.explained
    # Where the input begins with 0, the first step tells whether the bias came already. (With
    # feedback="component" it comes at once in any case: the late edge is the one before it.)
    other = "zero" if initial == "silent" else "silent"
    assert not found["lif"].allows(replace(d, feedback_initial=other))


def test_the_feedback_rule_is_searched_where_it_matters():
    n = np.ones(12)
    nodes = {
        "input": nir.Input({"input": np.array([12])}),
        "a": lif(),
        "b": nir.LIF(n * 2.0, n * 3.0, n * 0.0, n, n * 0.0),
        "output": nir.Output({"output": np.array([12])}),
    }
    edges = [("input", "a"), ("a", "b"), ("b", "a"), ("b", "output")]
    graph, xs = nir.NIRGraph(nodes, edges, type_check=False), signal()
    d = replace(DT1, feedback="component")
    found = nirx.diagnose(graph, xs, record(graph, d, xs, "a", "b"), discretization=DT1)
    assert found.discretization.feedback == "component"
    assert found.explained
    # With b alone the whole loop runs, a under b's rule.
    alone = nirx.diagnose(graph, xs, record(graph, d, xs, "b"), discretization=DT1)
    assert alone["b"].searched_with == ("a",)
    assert alone["b"].allows(d)
    assert alone.explained


def test_dt_is_searched_among_several():
    graph, xs = chain(lif()), signal()
    d = replace(DT1, dt=0.5, reset="subtract")
    found = nirx.diagnose(graph, xs, record(graph, d, xs, "n1"), dt=[1.0, 0.5, 0.25])
    assert found.discretization.dt == 0.5
    assert found["n1"].pinned["dt"] == 0.5
    assert found.asked.dt == 1.0
    assert found.explained
    assert "n1 steps by 0.5" in found.explain()


def test_choices_limit_the_search():
    graph, xs = chain(lif()), signal()
    d = replace(DT1, reset="subtract")
    limits = {"reset": ["value", "none"], "integrator": ["euler"], "max_spikes": [None]}
    found = nirx.diagnose(graph, xs, record(graph, d, xs, "n1"), discretization=DT1, choices=limits)
    assert not found.explained
    assert found["n1"].best.choices["reset"] in ("value", "none")


def test_batches_count_like_more_neurons():
    graph, xs = chain(cuba()), signal(2, 3)
    d = replace(DT1, reset="subtract", integrator="exponential")
    found = nirx.diagnose(graph, xs, record(graph, d, xs, "n1", "n1.v"), discretization=DT1)
    assert found.explained
    assert found["n1"].allows(d)
    assert found["n1"].best.samples == xs.size


def test_a_threshold_and_delays_on_the_way():
    n = np.ones(12)
    graph = chain(nir.Delay(n * 2.0), nir.Threshold(n * 2.0), nir.Delay(n), lif())
    xs = signal()
    d = replace(DT1, threshold="ge")
    found = nirx.diagnose(graph, xs, record(graph, d, xs, "n2"), discretization=DT1)
    assert found["n2"].possible == {"threshold": ("ge",)}
    assert found.explained
    both = nirx.diagnose(graph, xs, record(graph, d, xs, "n4"), discretization=DT1)
    assert both["n4"].searched_with == ("n2",)
    assert both["n4"].allows(d)


def test_a_recording_that_nothing_explains_says_where_it_fails():
    graph, xs = chain(lif()), signal()
    spikes = record(graph, DT1, xs, "n1")["n1"].copy()
    spikes[70, 5] = 1 - spikes[70, 5]
    found = nirx.diagnose(graph, xs, {"n1": spikes}, discretization=DT1)
    assert not found.explained
    first = found.first_divergence
    assert first is not None
    assert (first.step, first.node, first.index) == (70, "n1", (5,))
    assert (first.reference, first.other) == (spikes[70, 5], 1 - spikes[70, 5])
    assert found["n1"].best.mismatches == 1
    assert "no candidate explains n1; the best one fails first at step 70, n1[5]" in str(found)


def test_the_ranking_is_by_what_is_explained():
    graph, xs = chain(lif()), signal()
    spikes = record(graph, DT1, xs, "n1")["n1"].copy()
    spikes[40, 3] = 1 - spikes[40, 3]
    found = nirx.diagnose(graph, xs, {"n1": spikes}, discretization=DT1, max_shift=0)
    ranked = found["n1"].candidates
    assert [c.mismatches for c in ranked] == sorted(c.mismatches for c in ranked)
    assert len(ranked) > 3
    for own in ranked:
        assert 0 <= own.spikes_matched == own.spikes - own.mismatches


def test_nothing_is_dropped_that_could_win():
    """The right rule starts badly: its first spikes are disturbed, the wrong ones' are not."""
    graph, xs = chain(lif()), signal(steps=400)
    d = replace(DT1, reset="subtract")
    right, wrong = (record(graph, own, xs, "n1")["n1"] for own in (d, DT1))
    mixed = np.concatenate([wrong[:60], right[60:]])
    found = nirx.diagnose(graph, xs, {"n1": mixed}, discretization=DT1)
    assert found["n1"].best.choices["reset"] == "subtract"
    assert not found.explained


def test_it_is_deterministic_and_changes_nothing():
    graph, xs = recurrent(), signal()
    observed = record(graph, replace(DT1, reset="subtract"), xs, "lif", "lif.v")
    before = copy.deepcopy((graph, xs, observed))
    first = nirx.diagnose(graph, xs, observed, discretization=DT1)
    nodes = dict(reversed(graph.nodes.items()))
    other = nir.NIRGraph(nodes, graph.edges[::-1], type_check=False)
    turned = dict(reversed(observed.items()))
    assert str(nirx.diagnose(other, xs, turned, discretization=DT1)).count("lif") > 3
    again = nirx.diagnose(other, xs, observed, discretization=DT1)
    assert str(first) == str(again)
    assert first == again
    assert nirx.same_graph(graph, before[0])
    np.testing.assert_array_equal(xs, before[1])
    for key in observed:
        np.testing.assert_array_equal(observed[key], before[2][key])


def test_no_discretization_warns_as_everywhere():
    graph, xs = chain(lif()), signal()
    with pytest.warns(nirx.NirxWarning, match="dt=0.0001 and forward Euler are assumed"):
        nirx.diagnose(graph, xs, {"n1": xs * 0})


def test_a_node_that_was_not_recorded_has_no_verdict():
    graph, xs = chain(lif()), signal()
    found = nirx.diagnose(graph, xs, {"n1": xs * 0}, discretization=DT1)
    with pytest.raises(nirx.InputError, match="no verdict on 'n2': it was not recorded"):
        found["n2"]


def test_equal_meaning_is_tried_once():
    values = {name: CHOICES[name] for name in ("threshold", "reset", "reset_when", "spikes")}
    values |= {"output": CHOICES["output"], "max_spikes": (None, 2)}
    start = {name: own[0] for name, own in values.items()}
    tried = Space(values, start, False).candidates()
    assert len(tried) == 12 * 4  # resets that go together, times gt, ge, any count, at most 2
    assert tried[0] == start
    assert len({tuple(own.items()) for own in tried}) == len(tried)


def test_memory_does_not_change_the_answer(monkeypatch):
    graph, xs = chain(lif()), signal(2)
    d = replace(DT1, reset="subtract")
    observed = record(graph, d, xs, "n1", "n1.v")
    image = {"n1": observed["n1"], "n1.v": 3 * observed["n1.v"] + 1}
    whole = [nirx.diagnose(graph, xs, own, discretization=DT1) for own in (observed, image)]
    monkeypatch.setattr("nirx.diagnosis.search.MOST_STATE", 1)
    monkeypatch.setattr("nirx.diagnosis.trial.MOST_BYTES", 4000)
    pieces = [nirx.diagnose(graph, xs, own, discretization=DT1) for own in (observed, image)]
    assert [p.discretization for p in pieces] == [w.discretization for w in whole]
    for piece, own in zip(pieces, whole, strict=True):
        assert piece["n1"].indistinguishable == own["n1"].indistinguishable
        assert piece.explained


def test_a_loop_of_a_neuron_whose_spikes_were_not_recorded():
    graph = chain(lif())
    graph.edges.append(("n1", "n1"))
    xs, d = signal(), replace(DT1, reset="subtract")
    found = nirx.diagnose(graph, xs, record(graph, d, xs, "n1.v"), dt=[1.0, 0.5])
    assert found["n1"].allows(d)
    assert found["n1"].pinned["dt"] == 1.0
    assert found.explained


def late(spikes: np.ndarray) -> np.ndarray:
    """Recorded one step late."""
    return np.concatenate([spikes[:1] * 0, spikes[:-1]])


def subtracting_chip(keys: tuple[str, ...] = ("n1", "n3")) -> tuple[Any, Any, Any, Any]:
    """Two layers that subtract; the recording of the second is one step late."""
    graph, xs = chain(lif(), nir.Scale(np.full(12, 3.0)), lif()), signal(2)
    d = replace(DT1, reset="subtract")
    observed = record(graph, d, xs, *keys)
    return graph, xs, d, {k: late(v) if k.startswith("n3") else v for k, v in observed.items()}


def test_a_late_recording_is_not_taken_for_a_late_neuron():
    graph, xs, d, observed = subtracting_chip()
    found = nirx.diagnose(graph, xs, observed, discretization=DT1)
    node = found["n3"]
    assert found.explained
    assert (found.discretization, node.best.shift) == (d, 1)
    assert node.allows(d)
    assert node.allows(replace(d, reset_when="next-leaked", output="old"))
    assert not {"reset_when", "output"} & set(node.pinned)
    assert node.pinned["reset"] == "subtract"
    said = [line for line in found.explain().split("\n") if "n3" in line]
    assert said[:3] == [
        "the recording of n3 is 1 step late",
        "n3 subtracts the threshold (reset='subtract'); you asked for reset='value'",
        "or: n3 with reset='subtract', reset_when='next-leaked', output='old', its recording on "
        "time; record n3.v to tell",
    ]


def test_a_membrane_tells_a_late_recording_from_a_late_neuron():
    graph, xs, _, observed = subtracting_chip(("n1", "n1.v", "n3", "n3.v"))
    found = nirx.diagnose(graph, xs, observed, discretization=DT1)
    assert found["n3"].best.shift == 1
    assert found["n3"].alternatives == {}
    assert found["n3"].pinned["output"] == "new"
    assert "or: " not in found.explain()


def test_a_recording_known_to_be_on_time_pins_the_output():
    graph, xs, _, observed = subtracting_chip()
    found = nirx.diagnose(graph, xs, observed, discretization=DT1, max_shift=0)
    assert found["n3"].pinned["output"] == "old"
    assert found["n1"].pinned["output"] == "new"
    assert found.explained


def test_what_the_other_layers_do_settles_what_is_late():
    """By itself "never reset and late" is as many changes as "never reset, output='old'"."""
    gain = nir.Scale(np.full(12, 3.0))
    graph, xs, d = chain(lif(), gain, lif()), signal(2), replace(DT1, reset="none")
    observed = record(graph, d, xs, "n1", "n3")
    observed["n3"] = late(observed["n3"])
    found = nirx.diagnose(graph, xs, observed, discretization=DT1)
    assert found["n3"].best.shift == 1
    assert found.discretization == d
    assert found.explained
    alone = nirx.diagnose(chain(lif()), xs, {"n1": late(observed["n1"])}, discretization=DT1)
    assert (alone["n1"].best.shift, alone["n1"].best.choices["output"]) == (0, "old")
    assert "or: n1 with reset='none', its recording 1 step late" in alone.explain()


def test_in_a_loop_the_free_run_tells_a_late_neuron_from_a_late_recording():
    graph, xs = recurrent(), signal(2)
    d = replace(DT1, reset_when="next-leaked", output="old")
    found = nirx.diagnose(graph, xs, record(graph, d, xs, "lif"), discretization=DT1)
    assert found.explained
    assert found["lif"].best.shift == 0
    assert found.discretization.output == "old"


def test_a_recording_without_spikes_tells_no_story():
    graph, xs = chain(lif()), signal()
    found = nirx.diagnose(graph, xs, {"n1": xs * 0}, discretization=DT1)
    said = found.explain().split("\n")
    assert said[0].startswith("the recording of n1 has no spikes at all, where the best rule gives")
    assert not any("one step late" in line or "left open" in line for line in said)


def test_where_little_is_explained_no_mechanism_is_told():
    graph, xs = chain(lif()), signal()
    spikes = record(graph, DT1, xs, "n1")["n1"]
    found = nirx.diagnose(graph, xs, {"n1": 1 - spikes}, discretization=DT1)
    best = found["n1"].best
    said = found.explain().split("\n")
    assert said[0] == (
        f"no rule explains n1: the best one explains {best.spikes_matched:,} of {best.spikes:,} "
        "spikes; is the input, the graph, the dt (--dt) or the unit right?"
    )
    assert not any("best one so far" in line or "left open" in line for line in said)


def test_the_default_is_not_what_somebody_asked_for():
    graph, xs = chain(lif()), signal()
    observed = record(graph, replace(DT1, reset="subtract"), xs, "n1")
    assert "; the default is reset='value'" in nirx.diagnose(graph, xs, observed, dt=1.0).explain()
    graph.metadata["nirx_discretization"] = DT1.to_json()
    assert "; you asked for reset='value'" in nirx.diagnose(graph, xs, observed).explain()
