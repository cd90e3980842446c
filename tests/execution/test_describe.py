"""What a repr says: a few lines, however large the thing is, and no numbers of the model."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

import numpy as np
import pytest

import nirx
from nirx.basics.name_list import MOST_NAMES
from nirx.execution.describe import rule_text
from support.graphs import affine, chain, lif, recurrent
from support.inputs import two_inputs

D = nirx.Discretization(dt=1e-3, reset="subtract")
MOST_LINES, MOST_CHARACTERS = 4, 600


def layered(layers: int = 40, size: int = 16):
    nodes = {}
    for number in range(layers):
        nodes[f"fc{number}"] = affine(size, size, 0.5)
        nodes[f"lif{number}"] = lif(size, tau=4e-3)
    return chain(nodes, size)


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_a_network_says_what_it_is_and_no_weight(backend):
    net = nirx.from_nir(layered(), backend, D)
    assert repr(net).split("\n") == [
        f"nirx network on {backend}, float32",
        "  discretization: dt=0.001, reset='subtract'",
        "  80 nodes: 40 Affine, 40 LIF",
        "  input [16] -> output [16]",
    ]


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_feedback_and_the_reproducible_mode_are_said(backend):
    net = nirx.from_nir(recurrent(), backend, D, reproducible=True)
    first, _, nodes, ports = repr(net).split("\n")
    assert first == f"nirx network on {backend}, float32, reproducible"
    assert nodes == "  4 nodes: 1 Affine, 1 LIF, 1 Linear, 1 LI, 1 feedback edge"
    assert ports == "  input [3] -> output [4]"


def test_several_ports_and_overrides_are_said():
    net = nirx.from_nir(two_inputs(), "numpy", nirx.Discretization(dt=1.0))
    assert repr(net).split("\n")[-1] == "  a [4], b [4] -> output [2]"
    one = nirx.Discretization(dt=1.0, overrides={"a": {"threshold": "ge"}})
    assert rule_text(one) == "dt=1, overrides for 1 node"


def test_names_with_control_codes_stay_on_their_line():
    graph = chain({}, 16)
    graph.nodes = {"in\nput": graph.nodes["input"], "output": graph.nodes["output"]}
    graph.edges = [("in\nput", "output")]
    assert len(repr(nirx.from_nir(graph, "numpy", D)).split("\n")) == MOST_LINES


def test_results_are_a_few_lines_with_their_verdict(tmp_path):
    graph, xs = layered(layers=12), np.ones((20, 1, 16), np.float32)
    compared = nirx.compare(graph, xs, ["numpy", "numpy"], discretization=D)
    moved = nirx.move(graph, "torch", discretization=D)
    made = nirx.reference(graph, xs, tmp_path / "r.h5", discretization=D)
    verified = nirx.verify(made.path, backend="numpy")
    found = nirx.diagnose(
        chain([lif(2)], 2), np.ones((20, 1, 2)), {"n0": np.zeros((20, 1, 2))}, discretization=D
    )
    expected = [
        (compared, "agree=True, numpy against numpy': exact"),
        (moved, "graph -> torch, fidelity='"),
        (made, f"digest={made.digest}"),
        (verified, "'exact'"),
        (found, "dt=0.001"),
    ]
    for result, said in expected:
        text = repr(result)
        assert said in text
        assert text.startswith(type(result).__name__)
        assert len(text.split("\n")) <= MOST_LINES
        assert len(text) < MOST_CHARACTERS
    assert len(compared.recordings["numpy"]) > MOST_NAMES


def test_dir_shows_the_public_names_and_folders_stay_importable():
    names = dir(nirx)
    assert {"move", "Discretization", "from_nir", "__version__"} <= set(names)
    modules = [name for name in names if isinstance(getattr(nirx, name), ModuleType)]
    assert modules == [
        "formulas",
        "plot",
        "readouts",
        "surrogates",
    ]  # public ones, unlike the folders
    assert not [name for name in names if name.startswith("_") and name != "__version__"]
    inner = import_module("nirx.graphs.schedule")
    assert inner.schedule is nirx.schedule


@pytest.mark.parametrize(
    ("package", "some"),
    [
        ("nirx.dynamics", {"Stateless", "Neuron"}),
        ("nirx_torch", {"torch_to_nir", "to_nir", "MODULE_MAP"}),
        ("nirx_jax", {"jax_to_nir", "to_nir", "MODULE_MAP"}),
    ],
)
def test_dir_of_the_other_packages_shows_no_files(package, some):
    if package != "nirx.dynamics":
        pytest.importorskip(package.replace("nirx_", ""))
    module = import_module(package)
    names = dir(module)
    assert some <= set(names)
    assert not [n for n in names if n.startswith("_") or isinstance(vars(module)[n], ModuleType)]
