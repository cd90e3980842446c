"""What nirx writes is read by nir with its type check on, means the same, and is restored.

`tests/conftest.py` lets nir read every file that any test writes; here is what it reads.
"""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import copy
import itertools
import json
from typing import Any

import h5py
import nir
import numpy as np
import pytest

import nirx
from nirx.files import writing
from nirx.files.nir_form import from_nir_form
from nirx.files.nir_form.hints import FORM_KEY
from nirx.graphs.flatten import walk_graphs
from nirx_conformance.cases import ALL_CASES
from nirx_conformance.strategies import random_case
from support.damaged import replace_dataset
from support.graphs import chain, lif

PLAIN_WRITER = writing._write_file

pytestmark = pytest.mark.filterwarnings("ignore::nirx.NirxWarning", "ignore::RuntimeWarning")


def written(graph: nir.NIRGraph, folder: Any) -> tuple[nir.NIRGraph, nir.NIRGraph]:
    """The graph in its file as nir reads it, checked, and as nirx reads it."""
    nirx.write(folder / "g.nir", graph)
    return nir.read(folder / "g.nir"), nirx.read(folder / "g.nir")


def without_hints(graph: nir.NIRGraph) -> nir.NIRGraph:
    for _, below, _ in walk_graphs(graph):
        for node in below.nodes.values():
            node.metadata = {k: v for k, v in node.metadata.items() if k != FORM_KEY}
    return graph


def outputs(graph: nir.NIRGraph, rule: Any, xs: Any, state: Any = None) -> list[np.ndarray]:
    ys, _ = nirx.from_nir(graph, "numpy", rule, "float64").run(xs, state)
    return [ys[k] for k in sorted(ys)] if isinstance(ys, dict) else [ys]


def assert_same_map(graph: nir.NIRGraph, other: nir.NIRGraph, rule: Any, xs: Any) -> None:
    for a, b in zip(outputs(graph, rule, xs), outputs(other, rule, xs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", ALL_CASES[::3], ids=lambda case: case.name)
@pytest.mark.sampled(3)
def test_a_case_is_the_same_for_nir_and_restored_by_nirx(case, tmp_path):
    by_nir, by_nirx = written(case.graph, tmp_path)
    assert nirx.same_graph(by_nirx, case.graph)
    infinite = case.name.startswith("special") or "infinity" in case.name  # 0 * inf is NaN
    if not (case.discretization.overrides or infinite):
        assert_same_map(case.graph, without_hints(by_nir), case.discretization, case.inputs)


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", [c for n, c in enumerate(ALL_CASES) if n % 3], ids=lambda case: case.name
)
@pytest.mark.sampled(3)
def test_every_other_case_too(case, tmp_path):
    test_a_case_is_the_same_for_nir_and_restored_by_nirx(case, tmp_path)


@pytest.mark.parametrize(
    "seed", [*range(10), *(pytest.param(n, marks=pytest.mark.exhaustive) for n in range(10, 120))]
)
def test_random_graphs(seed, tmp_path):
    graph = random_case(seed).graph
    _, by_nirx = written(graph, tmp_path)
    assert nirx.same_graph(by_nirx, graph)


def convolution(kernel: tuple[int, int], groups: int = 1, **options: Any) -> nir.NIRGraph:
    rng = np.random.default_rng(0)
    geometry = {"stride": 1, "padding": 0, "dilation": 1, **options}
    weight = rng.standard_normal((4, 4 // groups, *kernel))
    node = nir.Conv2d(None, weight, groups=groups, bias=rng.standard_normal(4), **geometry)
    return nir.NIRGraph(
        {"in": nir.Input(np.array([4, 9, 8])), "c": node, "out": nir.Output({"output": None})},
        [("in", "c"), ("c", "out")],
        type_check=False,
    )


KERNELS = [k for k in itertools.product((1, 2, 3, 4), repeat=2) if k[0] != k[1]]
GEOMETRIES: list[dict[str, Any]] = [
    {},
    {"stride": (2, 3), "padding": (1, 2)},
    {"dilation": (2, 1), "padding": (0, 1)},
    {"stride": 2, "dilation": (1, 2), "padding": 3},
    {"padding": "valid"},
    {"padding": "same"},
]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_a_kernel_becomes_square(kernel, geometry, tmp_path):
    graph = convolution(kernel, **geometry)
    by_nir, by_nirx = written(graph, tmp_path)
    assert nirx.same_graph(by_nirx, graph)
    xs = np.random.default_rng(1).random((2, 3, 4, 9, 8))
    assert_same_map(graph, without_hints(by_nir), nirx.Discretization(dt=1), xs)


@pytest.mark.parametrize(("groups", "kernel"), [(2, (3, 3)), (4, (3, 3)), (4, (1, 4))], ids=str)
def test_groups_become_zeros(groups, kernel, tmp_path):
    graph = convolution(kernel, groups)
    by_nir, by_nirx = written(graph, tmp_path)
    assert nirx.same_graph(by_nirx, graph)
    assert by_nir.nodes["c"].groups == 1
    assert by_nir.nodes["c"].weight.shape[1] == 4
    xs = np.random.default_rng(1).random((2, 3, 4, 9, 8))
    assert_same_map(graph, without_hints(by_nir), nirx.Discretization(dt=1), xs)


def mixed() -> nir.NIRGraph:
    node = lif(4)
    node.tau, node.v_threshold = np.array(0.01), np.ones(1)
    return chain([node], 4)


def test_parameters_of_mixed_shape_get_the_full_one(tmp_path):
    by_nir, by_nirx = written(mixed(), tmp_path)
    assert {np.shape(getattr(by_nir.nodes["n0"], k)) for k in ("tau", "r", "v_threshold")} == {(4,)}
    assert by_nirx.nodes["n0"].tau.shape == ()
    assert by_nirx.nodes["n0"].metadata == {}


def test_a_parameter_that_was_changed_keeps_its_new_values(tmp_path):
    """Whoever edits the file of a shared parameter gets what they wrote."""
    nirx.write(tmp_path / "g.nir", mixed())
    edited = nir.read(tmp_path / "g.nir")
    edited.nodes["n0"].tau[2] = 0.02
    nir.write(tmp_path / "g.nir", edited)
    again = nirx.read(tmp_path / "g.nir").nodes["n0"]
    assert again.tau.tolist() == [0.01, 0.01, 0.02, 0.01]


def test_a_weight_between_groups_is_kept(tmp_path):
    nirx.write(tmp_path / "g.nir", convolution((3, 3), 2))
    edited = nir.read(tmp_path / "g.nir")
    edited.nodes["c"].weight[0, 3, 1, 1] = 5.0
    nir.write(tmp_path / "g.nir", edited)
    again = nirx.read(tmp_path / "g.nir").nodes["c"]
    assert again.groups == 1
    assert again.weight[0, 3, 1, 1] == 5.0


def two_ports() -> nir.NIRGraph:
    inner = nir.NIRGraph(
        {
            "a": nir.Input(np.array([2])),
            "b": nir.Input(np.array([2])),
            "lif": lif(2),
            "up": nir.Output(np.array([2])),
            "down": nir.Output(np.array([2])),
        },
        [("a", "lif"), ("b", "lif"), ("lif", "up"), ("lif", "down")],
        metadata={"note": "two of each"},
        type_check=False,
    )
    outer = nir.NIRGraph(
        {"s": inner, "i": nir.Input(np.array([2])), "o": nir.Output(np.array([2]))},
        [("i", "s.a"), ("i", "s.b"), ("s.up", "o")],
        type_check=False,
    )
    return nir.NIRGraph(
        {"in": nir.Input(np.array([2])), "out": nir.Output(np.array([2])), "deep": outer},
        [("in", "deep"), ("in", "deep"), ("deep", "out")],
        type_check=False,
    )


def test_subgraphs_of_two_ports_and_double_edges_are_restored(tmp_path):
    by_nir, by_nirx = written(two_ports(), tmp_path)
    assert nirx.same_graph(by_nirx, two_ports())
    assert by_nirx.nodes["deep"].nodes["s"].metadata == {"note": "two of each"}
    assert not any(isinstance(node, nir.NIRGraph) for node in by_nir.nodes.values())


@pytest.mark.parametrize("more", [[("n0", "n0.times_2")] * 2, [("n0.times_2", "n1")]])
def test_edges_around_a_node_that_stood_for_double_edges_may_be_changed(more, tmp_path):
    graph = chain([nir.Delay(np.ones(2)), nir.Scale(np.ones(2))], 2, extra=[("n0", "n1")])
    path = tmp_path / "g.nir"
    nirx.write(path, graph)
    with h5py.File(path, "r+") as file:
        edges: Any = file["node/edges"]
        found = [tuple(end.decode() for end in edge) for edge in edges[()].tolist()]
        assert {"n0.times_2"} < {end for edge in found for end in edge}
        replace_dataset(file, "node/edges", data=found + more, dtype=h5py.string_dtype())
    changed = nirx.read(path)
    assert "n0.times_2" in changed.nodes
    assert nirx.same_graph(written(changed, tmp_path)[1], changed)


@pytest.mark.parametrize("text", ['{"shapes": {"scale": [4, 1]}}', "nothing", '{"bias": null}'])
def test_a_hint_of_a_node_that_was_changed_is_dropped(text, tmp_path):
    graph = chain([nir.Scale(np.ones(()))], 4)
    graph.nodes["n0"].metadata = {FORM_KEY: text, "a": "kept"}
    nirx.write(tmp_path / "g.nir", graph, strict=False)
    assert nirx.read(tmp_path / "g.nir").nodes["n0"].metadata == {"a": "kept"}


HOSTILE = [
    *("", "[]", "null", "{}", "[" * 5000, '{"shapes": 1}', '{"shapes": {"tau": [9]}}'),
    *('{"shapes": {"metadata": []}}', '{"shapes": {"nothing": []}}', '{"bias": []}'),
    *('{"groups": 2}', '{"groups": -1}', '{"square": {}}', '{"edges": 1000000000}'),
    *('{"edges": 2}', '{"path": []}', '{"path": ["a"]}', '{"path": ["n0", "x"]}'),
    *('{"path": ["a", "b"], "port": "Input"}', '{"path": ["a", "b"], "port": 3}'),
    *('{"path": 1}', '{"before": "n0"}', '{"before": 1}', '{"input_shape": {}}'),
]


@pytest.mark.parametrize("kind", ["lif", "scale", "conv"])
@pytest.mark.parametrize("hint", HOSTILE, ids=lambda text: text[:40])
def test_a_hint_from_elsewhere_changes_no_number(hint, kind, tmp_path):
    node: Any = {
        "lif": lif(4),
        "scale": nir.Scale(np.full(4, 2.0)),
        "conv": convolution((3, 3)).nodes["c"],
    }[kind]
    node.metadata = {FORM_KEY: hint}
    graph = convolution((3, 3)) if kind == "conv" else chain([node], 4)
    graph.nodes["c" if kind == "conv" else "n0"] = node
    plain = without_hints(copy.deepcopy(graph))
    nir.write(tmp_path / "g.nir", graph if kind != "conv" else _with_shape(graph))
    again = nirx.read(tmp_path / "g.nir")
    shape = (3, 2, 4, 9, 8) if kind == "conv" else (3, 2, 4)
    xs = np.random.default_rng(0).random(shape)
    assert_same_map(plain, again, nirx.Discretization(dt=1e-3), xs)


def _with_shape(graph: nir.NIRGraph) -> nir.NIRGraph:
    graph.nodes["c"].input_shape = (9, 8)
    graph.nodes["out"] = nir.Output(np.array([4, 7, 6]))
    return graph


def test_hints_that_do_not_fit_leave_a_graph_alone():
    graph = chain([nir.Scale(np.ones(2)), lif(2)], 2)
    graph.nodes["n0"].metadata = {FORM_KEY: json.dumps({"path": ["s", "a"], "port": "Output"})}
    before = copy.deepcopy(graph)
    from_nir_form(graph)
    assert nirx.same_graph(graph, without_hints(before))


def loop_beside_the_input(inner: nir.NIRNode) -> nir.NIRGraph:
    """A cycle that no Input reaches, of a LIF, which declares its shape, and another node."""
    node = lif(1)
    for name in ("tau", "r", "v_leak", "v_threshold", "v_reset"):
        setattr(node, name, np.ones((1, 3, 3)))
    nodes = {
        "in": nir.Input(np.array([1, 3, 3])),
        "out": nir.Output(np.array([1, 3, 3])),
        "inner": inner,
        "lif": node,
    }
    edges = [("in", "out"), ("lif", "inner"), ("inner", "lif"), ("lif", "out")]
    return nir.NIRGraph(nodes, edges, type_check=False)


@pytest.mark.parametrize("kind", [nir.SumPool2d, nir.AvgPool2d])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (1, 3), (3, 2)], ids=str)
def test_a_pool_that_no_input_reaches_becomes_a_convolution(kind, kernel, tmp_path):
    padding = np.array([n // 2 for n in kernel])
    graph = loop_beside_the_input(kind(np.array(kernel), np.array([1, 1]), padding))
    if kernel == (3, 2):  # its output is 3 x 4
        graph.edges.remove(("inner", "lif"))
        graph.edges.append(("lif", "lif"))
    by_nir, by_nirx = written(graph, tmp_path)
    assert nirx.same_graph(by_nirx, graph)
    assert isinstance(by_nir.nodes["inner"], nir.Conv2d)


def test_an_input_that_nothing_reads(tmp_path):
    graph = loop_beside_the_input(nir.Scale(np.ones((1, 3, 3))))
    graph.edges.remove(("in", "out"))
    by_nir, by_nirx = written(graph, tmp_path)
    assert nirx.same_graph(by_nirx, graph)
    assert "output_in" in by_nir.nodes


def test_a_form_that_is_too_large_is_named_and_left_out_on_request(tmp_path, monkeypatch):
    monkeypatch.setattr("nirx.files.nir_form.nodes.MOST_BYTES", 1000)
    graph = convolution((3, 3), 4)
    with pytest.raises(nirx.GraphError, match=r"^c: its weight without groups .*strict=False"):
        nirx.write(tmp_path / "g.nir", graph)
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(writing, "_write_file", PLAIN_WRITER)  # nir is not to read this one
    nirx.write(tmp_path / "g.nir", graph, strict=False)
    assert nirx.same_graph(nirx.read(tmp_path / "g.nir"), graph)
    with pytest.raises(TypeError, match="input_shape"):
        nir.read(tmp_path / "g.nir")
