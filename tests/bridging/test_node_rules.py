"""Discretizations of single nodes, gathered into that of a graph."""

# nir's annotations are narrower than what it takes and gives.
# pyright: reportOptionalMemberAccess=false

from __future__ import annotations

from dataclasses import replace

import nir
import numpy as np
import pytest

import nirx
from nirx.graphs.rules import gather_rules, take_rules, with_rule
from nirx_conformance.libraries.neurons import neuron

EULER = nirx.Discretization(dt=1e-3)


def test_rules_are_taken_off_and_gathered():
    other = replace(EULER, reset="subtract", reset_when="next")
    inner = nir.NIRGraph({"n": with_rule(neuron("LIF"), other)}, [], type_check=False)
    nodes = {
        "a": with_rule(neuron("LIF"), EULER),
        "b": with_rule(neuron("LIF"), EULER),
        "sub": inner,
        "plain": nir.Scale(np.ones(30)),
    }
    rules = take_rules(nodes)
    assert rules == {("a",): EULER, ("b",): EULER, ("sub", "n"): other}
    assert not nodes["a"].metadata
    found = gather_rules(rules)
    assert found == replace(EULER, overrides={"sub/n": {"reset": "subtract", "reset_when": "next"}})
    assert found.at(("sub", "n")) == other
    assert take_rules(nodes) == {}
    assert gather_rules({}) is None


def test_of_equally_many_rules_the_first_by_path_is_the_base():
    other = replace(EULER, reset="none")
    for order in ("ab", "ba"):
        nodes = {n: with_rule(neuron("LIF"), EULER if n == "a" else other) for n in order}
        assert gather_rules(take_rules(nodes)) == replace(EULER, overrides={"b": {"reset": "none"}})


def test_a_graph_has_one_dt():
    rules = {("a",): EULER, ("b",): replace(EULER, dt=1e-4)}
    with pytest.raises(
        nirx.UnsupportedError, match=r"'a' steps with dt=0.001 and 'b' with dt=0.0001"
    ):
        gather_rules(rules)
