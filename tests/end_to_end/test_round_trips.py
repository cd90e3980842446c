"""NIR -> network -> NIR: nothing is lost, and only what was changed has changed."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportIndexIssue=false, reportOptionalSubscript=false

from __future__ import annotations

import copy
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_jax
import nirx_torch
from nirx.graphs.flatten import walk_graphs
from nirx.graphs.metadata import DISCRETIZATION_KEY
from nirx_conformance.cases import ALL_CASES
from nirx_conformance.strategies import random_case
from support.graphs import line
from support.running import precision

ADAPTERS: dict[str, Any] = {"torch": nirx_torch, "jax": nirx_jax}
RULE = nirx.Discretization(dt=1e-3)

frameworks = pytest.mark.parametrize("framework", ADAPTERS)
quiet = pytest.mark.filterwarnings("ignore::nirx.NirxWarning")


def there_and_back(graph: Any, rule: Any, framework: str, dtype: str = "float32") -> nir.NIRGraph:
    adapter = ADAPTERS[framework]
    with precision(framework, dtype):
        return adapter.to_nir(adapter.from_nir(graph, rule, dtype))


def fields(node: Any) -> dict[str, Any]:
    return {k: v for k, v in vars(node).items() if k not in ("nodes", "edges", "metadata")}


def form(value: Any) -> Any:
    """A value so that only the same bits, dtypes and types are equal."""
    if isinstance(value, dict):
        return {k: form(v) for k, v in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return type(value).__name__, str(value.dtype), value.shape, value.tobytes()
    if isinstance(value, tuple | list):
        return type(value).__name__, [form(v) for v in value]
    return type(value).__name__, repr(value)


def content(graph: nir.NIRGraph) -> dict[Any, Any]:
    """Everything in a graph, by path, but for the hint that nirx adds at the top."""
    found: dict[Any, Any] = {}
    for path, part, _ in walk_graphs(graph):
        metadata = {k: v for k, v in (part.metadata or {}).items() if k != DISCRETIZATION_KEY}
        found[path] = list(part.nodes), sorted(map(tuple, part.edges)), form(metadata)
        for name, node in part.nodes.items():
            if not isinstance(node, nir.NIRGraph):
                own = {k: form(v) for k, v in fields(node).items() if not k.endswith("_type")}
                own["metadata"] = form(node.metadata or {})
                found[(*path, name)] = type(node), own
    return found


def assert_equal(found: nir.NIRGraph, graph: nir.NIRGraph) -> None:
    assert nirx.same_graph(found, graph)
    a, b = content(found), content(graph)
    assert a.keys() == b.keys()
    for path, own in b.items():
        assert a[path] == own, path


# -- every case, every bit ---------------------------------------------------------------


@quiet
@frameworks
@pytest.mark.parametrize("case", ALL_CASES, ids=lambda case: case.name)
def test_every_conformance_case_comes_back(case, framework):
    before = content(case.graph)
    back = there_and_back(case.graph, case.discretization, framework, case.dtype)
    assert_equal(back, case.graph)
    kept = back.metadata[DISCRETIZATION_KEY]
    assert nirx.Discretization.from_json(kept) == case.discretization
    assert content(case.graph) == before


@quiet
@frameworks
@pytest.mark.parametrize(
    "seed", [pytest.param(n, marks=pytest.mark.slow if n % 4 else ()) for n in range(60)]
)
@pytest.mark.sampled(3)
def test_random_graphs_come_back(seed, framework):
    case = random_case(seed)
    before = content(case.graph)
    dtype = ("float32", "float64")[seed % 2]
    assert_equal(there_and_back(case.graph, case.discretization, framework, dtype), case.graph)
    assert content(case.graph) == before


@pytest.mark.slow
@quiet
@pytest.mark.parametrize("seed", range(100, 115))
def test_from_torch_to_jax_and_back(seed, tmp_path):
    case = random_case(seed)
    graph: Any = case.graph
    for framework in ("torch", "jax", "torch"):
        rule = None if framework == "jax" else case.discretization
        graph = there_and_back(graph, rule, framework)
    assert_equal(graph, case.graph)
    nirx.write(tmp_path / "g.nir", graph)
    assert nirx.same_graph(nirx.read(tmp_path / "g.nir"), case.graph)


def test_the_cases_have_nesting_loops_float64_and_metadata():
    graphs = [case.graph for case in ALL_CASES] + [random_case(s).graph for s in range(60)]
    parts = [part for graph in graphs for path, part, _ in walk_graphs(graph) if path]
    nodes = [n for g in graphs for _, p, _ in walk_graphs(g) for n in p.nodes.values()]
    arrays = [v for n in nodes for v in vars(n).values() if isinstance(v, np.ndarray)]
    assert len(parts) > 10
    assert len({type(n) for n in nodes}) == 19
    assert {np.dtype("float32"), np.dtype("float64")} <= {a.dtype for a in arrays}


# -- a graph with everything in it -----------------------------------------------------------


def thirds(*shape: int) -> np.ndarray:
    """float64 numbers that float32 does not have."""
    return (np.arange(np.prod(shape)).reshape(shape) + 1) / 3 / np.prod(shape)


def rich() -> nir.NIRGraph:
    inner = nir.NIRGraph(
        {
            "in.put": nir.Input(np.array([3])),
            "it's": nir.LIF(
                thirds(3) + 5e-3, thirds(3), thirds(3), thirds(3), -thirds(3), metadata={"n": 1}
            ),
            "out": nir.Output(np.array([3])),
        },
        line("in.put", "it's", "out"),
        metadata={"part": "inner", "numbers": np.arange(3)},
        type_check=False,
    )
    nodes = {
        "input": nir.Input(np.array([2])),
        "a.b": nir.Affine(thirds(3, 2), np.array([0.0, -0.0, 1 / 3])),
        "a_b": inner,
        "forward": nir.Linear(thirds(3, 3).astype(np.float16), metadata={"note": "läif"}),
        "神经": nir.Scale(thirds(3).astype(np.float32)),
        "output": nir.Output(np.array([3])),
        "x y": nir.Threshold(thirds(3)),
    }
    edges = [*line("input", "a.b", "a_b", "神经", "x y", "output"), *line("a_b", "forward", "a_b")]
    return nir.NIRGraph(nodes, edges, metadata={"made": "by hand"}, type_check=False)


@frameworks
def test_names_nesting_metadata_and_dtypes_are_kept(framework, dtype):
    graph = rich()
    assert_equal(there_and_back(graph, RULE, framework, dtype), graph)


@frameworks
def test_the_discretization_comes_back_without_a_warning(framework):
    rule = nirx.Discretization(dt=3e-4, integrator="exponential", reset="subtract")
    back = there_and_back(rich(), rule, framework)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = there_and_back(back, None, framework)
    assert nirx.Discretization.from_json(again.metadata[DISCRETIZATION_KEY]) == rule
    assert again.metadata["made"] == "by hand"


@frameworks
def test_the_export_shares_nothing(framework):
    graph = rich()
    adapter = ADAPTERS[framework]
    net = adapter.from_nir(graph, RULE)
    one, other = adapter.to_nir(net), adapter.to_nir(net)
    for _, part, _ in walk_graphs(one):
        part.metadata["made"] = "otherwise"
        for node in part.nodes.values():
            if not isinstance(node, nir.NIRGraph):
                for value in vars(node).values():
                    if isinstance(value, np.ndarray):
                        value.fill(7)
    assert_equal(other, graph)
    assert_equal(adapter.to_nir(net), graph)
    assert_equal(graph, rich())


# -- after training ----------------------------------------------------------------------------


def changed(found: nir.NIRGraph, graph: nir.NIRGraph) -> set[tuple[Any, str]]:
    a, b = content(found), content(graph)
    assert a.keys() == b.keys()
    paths = [p for p in b if a[p] != b[p]]
    return {(p, k) for p in paths for k in b[p][1] if a[p][1][k] != b[p][1][k]}


def with_values(
    graph: nir.NIRGraph, framework: str, values: dict[tuple[str, str, Any], float], dtype="float32"
) -> nir.NIRGraph:
    """The export of a network in which single parameters were set: (path, name, index) -> value."""
    if framework == "torch":
        net = nirx_torch.from_nir(graph, RULE, dtype)
        with torch.no_grad():
            for (path, name, index), value in values.items():
                getattr(net.modules_by_path[path], name)[index] = value
        return nirx_torch.to_nir(net)
    with jax.enable_x64(dtype == "float64"):
        net = nirx_jax.from_nir(graph, RULE, dtype)
        for (path, name, index), value in values.items():

            def parameter(net, path=path, name=name):
                return getattr(net.modules_by_path[path], name)

            net = eqx.tree_at(parameter, net, parameter(net).at[index].set(value))
        return nirx_jax.to_nir(net)


TRAINED = {("a.b", "weight", (1, 0)): 9.5, ("a_b/it's", "tau", 2): 1 / 7}


@frameworks
def test_only_what_was_changed_differs(framework, dtype):
    graph = rich()
    found = with_values(graph, framework, TRAINED, dtype)
    assert changed(found, graph) == {(("a.b",), "weight"), (("a_b", "it's"), "tau")}
    weight, own = found.nodes["a.b"].weight, graph.nodes["a.b"].weight
    assert weight.dtype == np.float64
    assert weight[1, 0] == 9.5
    rest = np.ones_like(own, bool)
    rest[1, 0] = False
    assert np.array_equal(weight[rest], own[rest])  # float64 bits, though the run was float32
    tau, was = found.nodes["a_b"].nodes["it's"].tau, graph.nodes["a_b"].nodes["it's"].tau
    assert np.array_equal(tau[:2], was[:2])
    assert tau[2] == np.dtype(dtype).type(1 / 7)
    assert_equal(graph, rich())


@pytest.mark.slow
def test_an_optimizers_step_is_exported():
    graph = rich()
    net = nirx_torch.from_nir(graph, RULE, "float64")
    before = {k: v.detach().clone() for k, v in net.named_parameters()}
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    xs = torch.rand((20, 4, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    net.run(xs * 99)[0].sum().backward()
    optimizer.step()
    found = nirx_torch.to_nir(net)
    expected = set()
    for path, module in net.modules_by_path.items():
        for name, value in module.named_parameters(recurse=False):
            key = next(k for k, v in net.named_parameters() if v is value)
            if not torch.equal(before[key], value):
                expected.add((tuple(path.split("/")), name))
    assert (("a.b",), "weight") in expected
    assert changed(found, graph) == expected
    weight = net.modules_by_path["a.b"].weight.detach().numpy()
    assert np.array_equal(found.nodes["a.b"].weight, weight)


@frameworks
def test_a_sign_of_zero_and_nan_are_changes_too(framework):
    graph = rich()
    values = {("a.b", "bias", 0): -0.0, ("神经", "scale", 1): np.nan}
    found = with_values(graph, framework, values)
    assert changed(found, graph) == {(("a.b",), "bias"), (("神经",), "scale")}
    assert np.signbit(found.nodes["a.b"].bias).tolist() == [True, True, False]
    assert np.isnan(found.nodes["神经"].scale).tolist() == [False, True, False]


def test_bfloat16_networks_keep_what_was_not_changed():
    graph = rich()
    net = nirx_torch.from_nir(graph, RULE, torch.bfloat16)
    assert_equal(nirx_torch.to_nir(net), graph)
    with torch.no_grad():
        net.modules_by_path["神经"].scale[0] = 0.5
    found = nirx_torch.to_nir(net)
    assert changed(found, graph) == {(("神经",), "scale")}
    assert np.array_equal(found.nodes["神经"].scale[1:], graph.nodes["神经"].scale[1:])


def test_a_network_cast_after_it_was_built():
    graph = rich()
    assert_equal(nirx_torch.to_nir(nirx_torch.from_nir(graph, RULE, "float64").float()), graph)
    narrow = nirx_torch.from_nir(graph, RULE).double()
    found = nirx_torch.to_nir(narrow)
    assert found.nodes["a.b"].weight.dtype == np.float64
    np.testing.assert_allclose(found.nodes["a.b"].weight, graph.nodes["a.b"].weight, rtol=1e-7)


@frameworks
def test_a_trained_network_moves_from_one_framework_to_the_other(framework):
    found = with_values(rich(), framework, TRAINED)
    other = "jax" if framework == "torch" else "torch"
    assert_equal(there_and_back(found, None, other), found)


# -- users' modules ------------------------------------------------------------------------------


class Gain(torch.nn.Module):
    def __init__(self, node: Any):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.from_numpy(np.array(node.scale)))

    def forward(self, x):
        return x * self.gain


class Free(torch.nn.Module):
    def forward(self, x):
        return x


def test_users_torch_modules_are_exported_by_their_map_or_refused():
    graph = rich()
    net = nirx_torch.from_nir(graph, RULE, node_map={nir.Scale: Gain})
    with pytest.raises(nirx.UnsupportedError, match=r"'神经': no exporter for its module \(Gain\)"):
        nirx_torch.to_nir(net)
    exporter = {Gain: lambda module: nir.Scale(module.gain)}
    assert_equal(nirx_torch.to_nir(net, exporter), graph)
    with torch.no_grad():
        net.modules_by_path["神经"].gain[0] = 5
    assert changed(nirx_torch.to_nir(net, exporter), graph) == {(("神经",), "scale")}
    assert_equal(nirx_torch.to_nir(net, {Gain: None}), graph)
    with pytest.raises(nirx.InputError, match=r"'神经'.*the exporter of Gain gave a int"):
        nirx_torch.to_nir(net, {Gain: lambda module: 3})


def test_users_modules_without_parameters_and_bypassed_nodes_keep_their_nodes():
    graph = rich()
    for node_map in ({nir.Scale: lambda node: Free()}, {nir.Scale: None, nir.Threshold: None}):
        net = nirx_torch.from_nir(graph, RULE, node_map=node_map)
        assert_equal(nirx_torch.to_nir(net), graph)


class JaxGain(eqx.Module):
    gain: jax.Array

    def __init__(self, node: Any):
        self.gain = jnp.asarray(node.scale)

    def __call__(self, x):
        return x * self.gain


def test_users_jax_modules_are_exported_by_their_map_or_refused():
    graph = rich()
    net = nirx_jax.from_nir(graph, RULE, node_map={nir.Scale: JaxGain})
    with pytest.raises(nirx.UnsupportedError, match=r"'神经': no exporter for its module"):
        nirx_jax.to_nir(net)
    exporter = {JaxGain: lambda module: nir.Scale(module.gain)}
    assert_equal(nirx_jax.to_nir(net, exporter), graph)


def test_a_claimed_subgraph_comes_back():
    graph = rich()
    make = {nir.NIRGraph: lambda node: Free()}
    net = nirx_torch.from_nir(graph, RULE, node_map=make)
    assert_equal(nirx_torch.to_nir(net), graph)
    other = {Free: lambda module: copy.deepcopy(graph.nodes["a_b"])}
    assert_equal(nirx_torch.to_nir(net, other), graph)


def test_what_did_not_come_from_NIR_is_refused():
    with pytest.raises(nirx.InputError, match="a Linear did not come from NIR; use torch_to_nir"):
        nirx_torch.to_nir(torch.nn.Linear(1, 1))
    with pytest.raises(nirx.InputError, match="did not come from NIR"):
        nirx_jax.to_nir(eqx.nn.Identity())


@frameworks
def test_a_single_node_comes_back(framework):
    node = nir.LIF(thirds(3), thirds(3), thirds(3), thirds(3), thirds(3), metadata={"a": 1})
    if framework == "torch":
        back = nirx_torch.to_nir(nirx_torch.nir_to_torch(node, discretization=RULE))
    else:
        back = nirx_jax.to_nir(nirx_jax.nir_to_jax(node, discretization=RULE))
    assert form(fields(back)) == form(fields(node))
    assert back.metadata == {"a": 1}


def test_torch_to_nir_of_an_imported_network_gives_its_graph():
    graph = rich()
    net = nirx_torch.from_nir(graph, RULE)
    assert_equal(nirx_torch.torch_to_nir(net), graph)
