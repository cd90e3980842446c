"""A recording that is only a whole number of steps later or earlier is called that."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

from __future__ import annotations

import nir
import numpy as np
import pytest

import nirx
from nirx.comparison.whole_shift import MOST, shift_of
from support.graphs import affine, chain, lif, neuron

D = nirx.Discretization(dt=1.0)
XS = np.random.default_rng(7).random((40, 3, 2)).astype(np.float32)
DRAW = np.random.default_rng(0)


def later(x: np.ndarray, steps: int) -> np.ndarray:
    return np.concatenate([np.zeros_like(x[:steps]), x[: len(x) - steps]])


def two_layers() -> nir.NIRGraph:
    return chain({"a": lif(r=3.0), "fc": affine(2, 2), "b": lif(r=3.0, v_threshold=0.5)})


def late_by(shifts):
    """A backend whose nodes are late by their own numbers of steps."""

    def late(xs):
        _, _, rows = nirx.from_nir(two_layers(), "numpy", D).run(xs, record=list(shifts))
        first = {"fc": np.asarray(two_layers().nodes["fc"].bias)}
        found = {}
        for key, steps in shifts.items():
            found[key] = later(rows[key] - first.get(key, 0), steps) + first.get(key, 0)
            found[key] = found[key].astype(np.float32)
        return {}, None, found

    return late


def test_each_layer_has_its_own_delay():
    shifts = {"a": 1, "fc": 1, "b": 2, "output": 2}
    found = nirx.compare(
        two_layers(), XS, ("numpy", late_by(shifts)), discretization=D, record=list(shifts)
    )
    (other,) = found.others
    assert {node.key: node.later for node in other.nodes} == shifts
    assert [node.fidelity for node in other.nodes if node.spikes] == [
        "exact, 1 step later",
        "exact, 2 steps later",
    ]
    assert other.fidelity.endswith(", 2 steps later")
    assert other.first_difference is None
    assert not found.agree  # the numbers of a step do differ
    said = str(found).splitlines()[-1]
    assert said.startswith("late: a (1 step later), fc (1 step later), b (2 steps later)")
    assert said.endswith(", 2 steps later; nothing else differs")
    assert "first diverges" not in str(found)
    assert found.to_dict()["backends"][0]["nodes"][0]["later"] == 1


def test_one_spike_that_is_wrong_makes_it_different():
    wrong = late_by({"a": 1, "b": 2})

    def late(xs):
        outputs, state, found = wrong(xs)
        step = int(np.flatnonzero(found["b"].any(axis=(1, 2)))[-1])
        found["b"][step] = 1 - found["b"][step]
        return outputs, state, found

    found = nirx.compare(two_layers(), XS, ("numpy", late), discretization=D, record=["a", "b"])
    (other,) = found.others
    assert [node.fidelity for node in other.nodes] == ["exact, 1 step later", "different"]
    assert other.fidelity == "different"
    assert other.first_difference.node == "b"
    assert "late first diverges at step" in str(found)
    assert "late: a (1 step later)" in str(found)


def test_a_deep_network_may_be_late_by_as_many_steps_as_it_has_layers():
    count = MOST + 3
    names = [f"n{k}" for k in range(count)]
    graph = chain([lif(r=9.0, v_threshold=0.1) for _ in names])

    def late(xs):
        _, _, rows = nirx.from_nir(graph, "numpy", D).run(xs, record=names)
        return {}, None, {name: later(rows[name], k + 1) for k, name in enumerate(names)}

    xs = (DRAW.random((60, 2, 2)) < 0.5).astype(np.float32)
    (other,) = nirx.compare(graph, xs, ("numpy", late), discretization=D, record=names).others
    assert [node.later for node in other.nodes] == list(range(1, count + 1))
    assert other.fidelity == f"exact, {count} steps later"


@pytest.mark.parametrize("shift", [-3, -1, 1, 4, 8])
@pytest.mark.parametrize("tolerance", [None, 0.0, 1e-6])
def test_shifts_of_spikes_and_values(shift, tolerance):
    x = DRAW.random((60, 4)) < 0.3 if tolerance is None else DRAW.normal(size=(60, 4))
    x = x.astype(np.float64)
    moved = later(x, abs(shift))
    a, b = (x, moved) if shift > 0 else (moved, x)
    assert shift_of(a, b, tolerance) == shift
    broken = b.copy()
    broken[30, 2] += 1
    assert shift_of(a, broken, tolerance) is None


def test_what_cannot_be_told_has_no_shift():
    assert shift_of(np.ones((20, 2)), np.zeros((20, 2)), 0.0) is None  # stands still
    period = np.tile([1.0, 0.0], 20)[:, None]
    assert shift_of(period, 1 - period, 0.0) is None  # by 1, 3, 5 steps, late or early
    assert shift_of(np.ones((1, 2)), np.zeros((1, 2)), 0.0) is None
    moving = DRAW.normal(size=(20, 1))
    began = np.concatenate([DRAW.normal(size=(2, 1)), moving[:-2]])
    assert shift_of(moving, began, 0.0) is None  # it moved before the other could say anything


def test_a_readout_within_the_tolerance_is_rounding():
    graph = chain({"li": neuron(nir.LI)})

    def late(xs):
        ys, _ = nirx.from_nir(graph, "numpy", D).run(xs)
        return later(ys * np.float32(1 + 1e-6), 1)

    found = nirx.compare(graph, XS, ("numpy", late), discretization=D, record=["output"])
    assert found.others[0].fidelity == "rounding, 1 step later"
