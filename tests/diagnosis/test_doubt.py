"""`nirx.diagnose` where the recording is coarse, noisy, disturbed or late: no false certainty."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.cli import main
from nirx.diagnosis.observed import Trace
from nirx.diagnosis.tally import Tally, shifts_up_to
from nirx.files.archive import save_arrays

pytestmark = pytest.mark.slow

DT1 = nirx.Discretization(dt=1.0)
SUBTRACTS = replace(DT1, reset="subtract")
STEPS, SIZE = 120, 8


def lif() -> nir.LIF:
    n = np.ones(SIZE)
    return nir.LIF(np.linspace(3, 9, SIZE), n * 2, n * 0, n, n * 0)


def cuba() -> nir.CubaLIF:
    n = np.ones(SIZE)
    return nir.CubaLIF(np.linspace(2, 5, SIZE), n * 6, n * 2, n * 0.1, n, n * 0, n * 2)


def graph(*neurons: Any, bias: float = 0.2) -> nir.NIRGraph:
    """input -> a -> affine -> b -> output."""
    shape = np.array([SIZE])
    nodes: dict[str, Any] = {"input": nir.Input({"input": shape}), "a": neurons[0]}
    if len(neurons) > 1:
        nodes |= {"w": nir.Affine(np.eye(SIZE) * 1.5, np.full(SIZE, bias)), "b": neurons[1]}
    nodes["output"] = nir.Output({"output": shape})
    return nir.NIRGraph(nodes, list(itertools.pairwise(nodes)), type_check=False)


def signal(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((STEPS, 3, SIZE))


def record(net: Any, d: nirx.Discretization, xs: Any, *keys: str) -> dict[str, np.ndarray]:
    return nirx.from_nir(net, "numpy", d, "float64").run(xs, record=list(keys))[2]


def late(values: np.ndarray, steps: int) -> np.ndarray:
    return np.concatenate([np.zeros_like(values[:steps]), values[: len(values) - steps]])


def noisy(values: np.ndarray) -> np.ndarray:
    return values + 1e-3 * np.random.default_rng(1).normal(size=values.shape)


# -- what a recording may be off by


@pytest.mark.parametrize("spikes", [True, False], ids=["with spikes", "v alone"])
@pytest.mark.parametrize("kind", [np.int16, np.float64])
def test_a_membrane_in_whole_numbers_is_explained(kind, spikes):
    xs, net = signal(), graph(lif())
    rec = record(net, SUBTRACTS, xs, "a", "a.v")
    seen = {"a.v": np.rint(256 * rec["a.v"]).astype(kind)}
    seen |= {"a": rec["a"]} if spikes else {}
    found = nirx.diagnose(net, xs, seen, discretization=DT1)
    node = found["a"]
    assert found.explained
    assert (node.best.shift, node.pinned["reset"], node.pinned["output"]) == (0, "subtract", "new")
    assert round(node.best.scale) == 256
    assert not nirx.diagnose(net, xs, seen, discretization=DT1, tolerance=1e-6).explained


def test_whole_numbers_of_a_few_units_do_not_allow_anything():
    """A dead or barely moving membrane is whole by accident; half a unit would explain all."""
    xs, net = signal() * 0.4, graph(lif())
    dead = {"a.v": np.zeros(xs.shape, np.int8)}
    assert not nirx.diagnose(net, xs, dead, discretization=DT1).explained
    barely = {"a.v": np.ones(xs.shape)}
    assert not nirx.diagnose(net, xs, barely, discretization=DT1).explained


# -- a membrane that no candidate fits


def coarse(values: np.ndarray) -> np.ndarray:
    return np.rint(256 * values) / 256


@pytest.mark.parametrize("disturb", [noisy, coarse, lambda v: noisy(64 * v - 3)])
@pytest.mark.parametrize("max_shift", [0, 2])
def test_where_v_fits_nowhere_the_spikes_decide(disturb, max_shift):
    xs, net = signal(), graph(lif())
    rec = record(net, SUBTRACTS, xs, "a", "a.v")
    seen = {"a": rec["a"], "a.v": disturb(rec["a.v"])}
    found = nirx.diagnose(net, xs, seen, discretization=DT1, max_shift=max_shift)
    alone = nirx.diagnose(net, xs, {"a": rec["a"]}, discretization=DT1, max_shift=max_shift)
    node = found["a"]
    assert not found.explained
    assert node.by_spikes
    assert node.allows(SUBTRACTS)
    assert node.pinned == alone["a"].pinned
    named, of_spikes = (sorted(map(repr, n.indistinguishable)) for n in (node, alone["a"]))
    assert named == of_spikes
    assert (node.best.shift, node.best.mismatches) == (0, 0)
    assert found.discretization == SUBTRACTS
    said = found.explain()
    assert "a.v is off by up to" in said
    assert "say so with tolerance=" in said
    assert "by its spikes: a subtracts the threshold (reset='subtract')" in said
    assert "the recording of a is" not in said


def test_the_tolerance_that_is_named_explains_it():
    xs, net = signal(), graph(lif())
    rec = record(net, SUBTRACTS, xs, "a", "a.v")
    seen = {"a": rec["a"], "a.v": noisy(rec["a.v"])}
    found = nirx.diagnose(net, xs, seen, discretization=DT1)
    named = float(found.explain().split("tolerance=")[1].split()[0])
    assert named >= found["a"].best.tolerance_needed > 1e-4
    again = nirx.diagnose(net, xs, seen, discretization=DT1, tolerance=named)
    assert again.explained
    assert again["a"].pinned["reset_when"] == "same"


def test_v_orders_what_the_spikes_leave_equal():
    """Spikes never tell these two apart; a noisy v does not pin, but says which is nearer."""
    xs, net = signal(), graph(lif())
    for d in (SUBTRACTS, replace(SUBTRACTS, reset_when="next-leaked")):
        rec = record(net, d, xs, "a", "a.v")
        seen = {"a": rec["a"], "a.v": noisy(rec["a.v"])}
        found = nirx.diagnose(net, xs, seen, discretization=DT1)
        assert found["a"].best.choices["reset_when"] == d.reset_when
        assert set(found["a"].open["reset_when"]) == {"same", "next-leaked"}
        assert found.discretization == d


def test_a_noisy_current_leaves_the_spikes_to_decide():
    xs, net = signal(), graph(cuba())
    d = replace(SUBTRACTS, synapse="voltage-first", synapse_input="jump")
    rec = record(net, d, xs, "a", "a.i", "a.v")
    exact = nirx.diagnose(net, xs, rec, discretization=DT1)
    assert exact.explained
    assert exact["a"].pinned["synapse"] == "voltage-first"
    seen = {"a": rec["a"], "a.i": noisy(rec["a.i"])}
    found = nirx.diagnose(net, xs, seen, discretization=DT1)
    assert not found.explained
    assert found["a"].by_spikes
    assert found["a"].allows(d)
    assert found["a"].best.choices["synapse_input"] == "jump"


def test_a_noisy_v_alone_settles_nothing():
    xs, net = signal(), graph(lif())
    seen = {"a.v": noisy(record(net, SUBTRACTS, xs, "a.v")["a.v"])}
    found = nirx.diagnose(net, xs, seen, discretization=DT1)
    assert found["a"].pinned == {}
    assert (found["a"].best.shift, found.discretization) == (0, SUBTRACTS)
    assert "say so with tolerance=" in found.explain()


# -- spikes that no candidate explains


@pytest.mark.parametrize("seed", range(6))
def test_a_shift_does_not_win_by_comparing_less(seed):
    """A late neuron recorded early gives the same spikes, and is compared with fewer of them."""
    xs, net = signal(seed), graph(lif())
    spikes = record(net, SUBTRACTS, xs, "a")["a"]
    flipped = np.random.default_rng(seed).random(spikes.shape) < 0.01
    flipped[-1, 0, 0] = flipped[-2, 1, 1] = True
    seen = {"a": np.where(flipped, 1 - spikes, spikes)}
    found = nirx.diagnose(net, xs, seen, discretization=DT1)
    node = found["a"]
    assert (node.best.shift, found.discretization) == (0, SUBTRACTS)
    assert node.best.mismatches == flipped.sum()
    assert node.allows(replace(SUBTRACTS, reset_when="next-leaked", output="old"))


def test_what_is_not_explained_pins_nothing_and_is_hedged():
    xs, net = signal(), graph(lif())
    spikes = late(record(net, SUBTRACTS, xs, "a")["a"], 2)
    spikes[60, 0, 3] = 1 - spikes[60, 0, 3]
    limits = {"output": ["new"]}
    found = nirx.diagnose(net, xs, {"a": spikes}, discretization=DT1, choices=limits)
    assert found["a"].pinned == {}
    said = found.explain().split("\n")
    assert "the best one so far: the recording of a is 2 steps late" in said
    assert "the recording of a is 2 steps late" not in said
    assert not any(line.startswith("left open") for line in said)


def test_every_shift_is_judged_on_the_same_steps():
    """Spikes in every step: whatever the shift, a silent simulation misses as many."""
    values = np.ones((20, 3))
    shifts = shifts_up_to(3, 20)
    for spikes in (True, False):
        tally = Tally(
            Trace("a", None if spikes else "v", spikes, values, 0.5 - 0.5 * spikes), shifts, 2
        )
        for _ in range(4):
            tally.add(np.zeros((5, 2, 3)))
        np.testing.assert_allclose(tally.score, tally.score[0, 0], rtol=1e-12)
        assert tally.score[0, 0] > 1
        assert len({*tally.wrong.flat}) == 4  # and the counts themselves differ
    assert shifts_up_to(3, 3) == (0, 1, -1)
    assert shifts_up_to(3, 1) == (0,)


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_short_recordings(steps):
    xs, net = signal()[:steps] * 3, graph(lif())
    rec = record(net, SUBTRACTS, xs, "a", "a.v")
    for seen in (rec, {"a": rec["a"]}, {"a": rec["a"], "a.v": noisy(rec["a.v"])}):
        node = nirx.diagnose(net, xs, seen, discretization=DT1)["a"]
        assert node.allows(SUBTRACTS)
        assert node.best.shift == 0


# -- every recording late


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("keys", [("a", "b"), ("a", "a.v", "b", "b.v")], ids=["spikes", "v"])
def test_where_every_recording_is_late_the_free_run_explains_it(steps, keys):
    xs, net = signal(), graph(lif(), lif())
    rec = record(net, SUBTRACTS, xs, *keys)
    seen = {key: late(values, steps) for key, values in rec.items()}
    found = nirx.diagnose(net, xs, seen, discretization=DT1)
    assert found.explained
    assert found.first_divergence is None
    assert found.discretization == SUBTRACTS
    assert {c.shift for c in found.confirmed} == {steps}
    if "b.v" in keys:  # by itself b is not explained: the bias came to it before the recording
        assert not found["b"].best.explains_all
        assert found["b"].best.first_divergence is not None
        said = found.explain()
        assert "driven by its recorded input b fails first at step 0, b.v[0, 0]: " in said
        plural = "s" if steps > 1 else ""
        assert f"every recording is {steps} step{plural} late" in said
        assert "as the free run has it: b subtracts the threshold" in said
        assert "no candidate explains" not in said


def test_the_command_line_ends_with_0_where_the_free_run_explains_it(tmp_path, capsys):
    xs, net = signal(), graph(lif(), lif())
    rec = record(net, SUBTRACTS, xs, "a", "a.v", "b", "b.v")
    nirx.write(tmp_path / "g.nir", net, DT1)
    save_arrays(tmp_path / "x.npz", {"input": xs})
    save_arrays(tmp_path / "seen.npz", {key: late(values, 1) for key, values in rec.items()})
    files = [str(tmp_path / name) for name in ("g.nir", "seen.npz", "x.npz")]
    assert main(["diagnose", *files[:2], "--input", files[2], "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["explained"] is True
    assert told["first_divergence"] is None
    assert told["nodes"][1]["pinned"]["reset"] == "subtract"
    assert told["nodes"][1]["by_spikes"] is True
    assert told["nodes"][1]["candidates"][0]["first_divergence"]["step"] == 0


def test_a_free_run_that_compares_little_explains_nothing():
    from nirx.diagnosis.result import Confirmed

    assert Confirmed("a", True, 60, 0, 100, 4, None).reproduced
    assert not Confirmed("a", True, 40, 0, 100, 6, None).reproduced
    assert not Confirmed("a", True, 60, 1, 100, 4, None).reproduced
    xs, net = signal(), graph(lif())
    seen = {"a": record(net, SUBTRACTS, xs, "a")["a"]}
    found = nirx.diagnose(net, xs, seen, discretization=DT1)
    assert "a free run of the whole graph confirms it" in found.explain()
    (node,), (own,) = found.nodes, found.confirmed
    failed = replace(node.candidates[0], mismatches=1)
    short = replace(own, elements=1, shift=2)
    doubtful = replace(found, nodes=(replace(node, candidates=(failed,)),), confirmed=(short,))
    assert not doubtful.explained
    assert "too little of them could be compared" in doubtful.explain()
    assert "confirms it" not in doubtful.explain()


# -- a recording later than was searched


def test_what_lies_beyond_max_shift_is_not_settled():
    xs, net = signal(), graph(lif())
    spikes = record(net, SUBTRACTS, xs, "a")["a"]
    for shift, most in ((3, 2), (2, 1)):
        seen = {"a": late(spikes, shift)}
        found = nirx.diagnose(net, xs, seen, discretization=DT1, max_shift=most)
        node = found["a"]
        assert found.explained
        assert node.best.shift == most
        assert node.allows(SUBTRACTS)
        assert not {"output", "reset_when"} & set(node.pinned)
        assert node.pinned["reset"] == "subtract"
        assert (
            f"or: a with reset='subtract', its recording {shift} steps late; to search that far, "
            f"say max_shift={shift} (--max-shift); record a.v to tell" in found.explain()
        )
        wider = nirx.diagnose(net, xs, seen, discretization=DT1, max_shift=shift)
        assert (wider["a"].best.shift, wider.discretization) == (shift, SUBTRACTS)
        assert wider["a"].pinned == node.pinned


def test_beyond_max_shift_is_looked_as_far_as_the_neurons_can_be_late():
    """The neuron before was not recorded: both may be late by a step."""
    xs, net = signal() * 2, graph(lif(), lif(), bias=0.0)
    seen = {"b": late(record(net, SUBTRACTS, xs, "b")["b"], 3)}
    found = nirx.diagnose(net, xs, seen, discretization=DT1, max_shift=1)
    assert found.explained
    assert found["b"].best.shift == 1
    assert found["b"].best.choices["output"] == "old"
    assert found["b"].allows(SUBTRACTS)
    assert "output" not in found["b"].pinned


def test_no_shift_at_all_is_looked_beyond_if_it_is_on_time():
    xs, net = signal(), graph(lif())
    d = replace(SUBTRACTS, reset_when="next-leaked", output="old")
    seen = record(net, d, xs, "a")
    found = nirx.diagnose(net, xs, seen, discretization=DT1, max_shift=0)
    assert found["a"].pinned["output"] == "old"
    assert found["a"].alternatives == {}
