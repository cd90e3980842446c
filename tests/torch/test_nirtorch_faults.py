"""The faults of NIRTorch that nirx must not have. Those with tests elsewhere:

- names: quote, newline, `a.b` next to `a_b`: test_names.py, tests/end_to_end/test_odd_names.py
- no default for Scale, Threshold, ...: test_default_node_map.py, test_nir_to_torch.py
- incomplete state, several Inputs: test_inputs.py; the graph's arrays: test_aliasing.py
- device, dtype: test_nir_to_torch.py, test_device_dtype.py
- pickle, torch.save: test_saving.py; jit, export without state: test_compile_export.py
- torch_to_nir: the user's map, subclasses of a mapped class, `{Dropout: None}`: test_module_map.py;
  `y + y`, `y + 1.0`, functional forms, layers: test_functional_forms.py; a second argument or
  output, shared modules, bfloat16, names: test_torch_to_nir.py; recurrent cells:
  test_traced_states.py
- the time to build a chain: measured in benchmarks
"""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false

from __future__ import annotations

import copy
import os
import subprocess
import sys
from itertools import permutations
from typing import Any

import nir
import numpy as np
import pytest
import torch
from torch import nn

import nirx
from nirx_conformance import oracle
from nirx_torch import from_nir, nir_to_torch, torch_to_nir
from support.graphs import chain, lif, line, make_graph

RULE = nirx.Discretization(dt=1e-3)


def scale(*factors: float) -> nir.Scale:
    return nir.Scale(np.array(factors, np.float32))


# -- names ------------------------------------------------------------------------------------

CRAFTED = [
    "x');import os;os.environ.__setitem__('NIRX_PWNED','1');('",
    "__import__('os').environ.__setitem__('NIRX_PWNED', '1')",
    "a\nimport os\nos.environ['NIRX_PWNED']='1'",
    "{os.environ}",
    "%(x)s",
]


@pytest.mark.parametrize("name", CRAFTED)
def test_node_names_never_become_code(name, tmp_path, monkeypatch):
    monkeypatch.delenv("NIRX_PWNED", raising=False)
    nirx.write(tmp_path / "g.nir", chain({name: scale(2, 3)}))
    net = nir_to_torch(tmp_path / "g.nir")
    assert net(torch.ones(2))[0].tolist() == [2.0, 3.0]
    assert "NIRX_PWNED" not in os.environ


def test_an_empty_name_is_refused_by_a_clear_error():
    with pytest.raises(nirx.GraphError, match="a node is named ''; expected a non-empty string"):
        nir_to_torch(chain({"": scale(2, 3)}))


# -- the default map --------------------------------------------------------------------------


def test_the_bias_of_an_affine_is_loaded():
    layer = nir_to_torch(nir.Affine(np.eye(2), np.array([3.0, -1.0])))
    assert layer(torch.zeros(2, dtype=torch.float64)).tolist() == [3.0, -1.0]


@pytest.mark.parametrize(
    ("groups", "padding", "bias"),
    [(1, 0, True), (4, 1, True), (2, "same", False), (np.int64(1), np.array([2]), True)],
)
@pytest.mark.parametrize("axes", [1, 2])
def test_convolutions(groups, padding, bias, axes):
    generator = np.random.default_rng(0)
    space = (7,) if axes == 1 else (7, 6)
    weight = generator.normal(size=(8, 4 // int(groups), *(3,) * axes))
    offset = generator.normal(size=8) if bias else None
    pad = padding if isinstance(padding, str) else int(np.atleast_1d(padding)[0])
    if axes == 1:
        node = nir.Conv1d(space[0], weight, 1, padding, 1, groups, offset)
        call = nn.functional.conv1d
    else:
        pair = padding if isinstance(padding, str) else (pad, pad)
        node = nir.Conv2d(space, weight, (1, 1), pair, np.array([1, 1]), groups, offset)
        call = nn.functional.conv2d
    x = torch.from_numpy(generator.normal(size=(3, 4, *space)))
    own = None if offset is None else torch.from_numpy(offset)
    expected = call(x, torch.from_numpy(weight), own, 1, pad, 1, int(groups))
    layer = nir_to_torch(node)
    assert torch.allclose(layer(x), expected, rtol=1e-12)
    assert layer.in_channels == 4
    assert layer.out_channels == 8


def test_sum_pool_pads_and_has_a_gradient_at_zero():
    layer = nir_to_torch(nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([1, 1])))
    x = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    assert layer(x).tolist() == [[[1.0, 2.0], [3.0, 4.0]]]
    zeros = torch.zeros(1, 4, 4, requires_grad=True)
    layer(zeros).sum().backward()
    assert zeros.grad is not None
    assert (zeros.grad == 1).all()


def test_avg_pool_with_whole_numbers_after_write_and_read(tmp_path):
    nirx.write(tmp_path / "g.nir", chain({"p": nir.AvgPool2d(2, 2, 0)}, (1, 4, 4), (1, 2, 2)))
    x = torch.arange(16.0).reshape(1, 4, 4)
    expected = nn.functional.avg_pool2d(x, 2)
    assert torch.equal(nir_to_torch(tmp_path / "g.nir")(x)[0], expected)


def test_flatten_leaves_the_batch_alone():
    node = nir.Flatten({"input": np.array([2, 3, 4])}, 0, -1)
    x = torch.ones(3, 2, 3, 4)
    assert nir_to_torch(node)(x).shape == (3, 24)
    assert nir_to_torch(chain({"f": node}, (2, 3, 4), 24))(x)[0].shape == (3, 24)


# -- structure --------------------------------------------------------------------------------


def test_fan_in_at_an_output_is_a_sum():
    edges = [*line("input", "a", "output"), *line("input", "b", "output")]
    inner = make_graph(edges, a=scale(2, 2), b=scale(5, 5))
    for graph in (inner, chain({"s": inner})):
        y, state = nir_to_torch(graph)(torch.ones(2))
        assert (y.tolist(), state) == ([7.0, 7.0], {})


SUM = """
import nir, numpy as np, torch, nirx_torch
factors = {n: np.float32(10.0 ** (i % 5)) / 3 for i, n in enumerate("qwertyuiop")}
nodes = {n: nir.Scale(np.array([f])) for n, f in factors.items()}
nodes = {"input": nir.Input(np.array([1])), **nodes, "output": nir.Output(np.array([1]))}
edges = [("input", n) for n in factors] + [(n, "output") for n in factors]
net = nirx_torch.from_nir(nir.NIRGraph(nodes, edges, type_check=False))
print(net(torch.tensor([1 / 3]))[0].item().hex())
"""


@pytest.mark.exhaustive
def test_sums_do_not_depend_on_the_hash_seed():
    found = set()
    for seed in "0123":
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", SUM]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found.add(run.stdout)
    assert len(found) == 1
    assert float.fromhex(found.pop()) > 0


def test_sums_do_not_depend_on_the_order_of_edges():
    factors = {"a": 1e8, "b": -1e8, "c": 1.0}
    found = set()
    for order in permutations(factors):
        edges = [*[("input", n) for n in order], *[(n, "output") for n in order]]
        graph = make_graph(edges, **{n: scale(factors[n], factors[n]) for n in order})
        found.add(nir_to_torch(graph)(torch.ones(2))[0][0].item())
    assert len(found) == 1


def test_duplicate_edges_count_twice():
    graph = make_graph([("input", "a"), ("input", "a"), ("a", "output")], a=scale(2, 3))
    assert nir_to_torch(graph)(torch.ones(2))[0].tolist() == [4.0, 6.0]


def test_several_inputs_and_outputs():
    nodes: dict[str, Any] = {name: nir.Input(np.array([2])) for name in ("l", "r")}
    nodes |= {"s": scale(2, 2), **{name: nir.Output(np.array([2])) for name in ("y", "z")}}
    edges = [("l", "s"), ("r", "s"), ("s", "y"), ("r", "z")]
    net = nir_to_torch(nir.NIRGraph(nodes, edges, type_check=False))
    y, _ = net({"l": torch.ones(2), "r": torch.full((2,), 3.0)})
    assert {k: v.tolist() for k, v in y.items()} == {"y": [8.0, 8.0], "z": [3.0, 3.0]}


def neuron() -> nir.LIF:
    return lif(tau=5e-3, r=9.0, v_threshold=0.3)


STRUCTURES: dict[str, tuple[Any, str | None]] = {
    "self-loop": ([("input", "a"), ("a", "a"), ("a", "output")], None),
    "neuron behind an unready node": (
        [("b", "a"), ("input", "a"), ("a", "b"), ("a", "output")],
        None,
    ),
    "detached cycle": ([("input", "output"), ("a", "b"), ("b", "a")], None),
    "driving cycle": ([("a", "b"), ("b", "a"), ("a", "output"), ("input", "output")], None),
    "unknown edge end": ([("input", "a"), ("a", "nowhere"), ("a", "output")], "nowhere"),
}


@pytest.mark.filterwarnings("ignore:.*no path to an Output:nirx.NirxWarning")
@pytest.mark.parametrize("name", STRUCTURES)
def test_no_structure_hangs(name):
    edges, named = STRUCTURES[name]
    graph = make_graph(edges, a=neuron(), b=scale(0.5, 0.5))
    if named is not None:
        with pytest.raises(nirx.GraphError, match=named):
            from_nir(graph, RULE)
        return
    graph.nodes = {k: n for k, n in graph.nodes.items() if any(k in e for e in edges)}
    xs = np.random.default_rng(0).random((9, 2))
    net = from_nir(graph, RULE, dtype="float64")
    expected = oracle.run(graph, RULE, xs).outputs["output"]
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(net.run(torch.from_numpy(xs))[0].detach(), expected, rtol=1e-12)


def test_an_edge_to_a_port_of_a_subgraph():
    inner = chain({"a": scale(2, 3)})
    graph = make_graph([("input", "s.input"), ("s.output", "output")], s=inner)
    assert nir_to_torch(graph)(torch.ones(2))[0].tolist() == [2.0, 3.0]


def looped() -> nir.NIRGraph:
    weight = np.array([[0.2, -0.9], [0.8, 0.1]], np.float32)
    edges = [*line("input", "a", "w", "a"), ("a", "output")]
    return make_graph(edges, a=neuron(), w=nir.Linear(weight))


def test_the_delay_of_feedback_does_not_depend_on_order(tmp_path):
    xs = torch.rand((9, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = []
    for turned in (False, True):
        graph = looped()
        if turned:
            graph.nodes, graph.edges = dict(reversed(graph.nodes.items())), graph.edges[::-1]
        nirx.write(tmp_path / "g.nir", graph)
        ways = graph, tmp_path / "g.nir"
        found += [from_nir(way, RULE, dtype="float64").run(xs)[0] for way in ways]
    assert found[0].sum() > 2
    assert all(torch.equal(found[0], other) for other in found[1:])


# -- state and size ---------------------------------------------------------------------------


def keys(tree: Any) -> Any:
    return {k: keys(v) for k, v in tree.items()} if isinstance(tree, dict) else None


def test_state_is_never_mutated_and_has_one_tree():
    net = nir_to_torch(looped(), discretization=RULE)
    x = torch.full((3, 2), 0.1)
    _, first = net(x)
    kept = copy.deepcopy(nirx.state_to_numpy(first))
    _, second = net(x, first)
    assert keys(first) == keys(second) == keys(net.init_state((3,)))
    assert np.array_equal(nirx.state_to_numpy(first)["a"]["v"], kept["a"]["v"])
    assert not torch.equal(second["a"]["v"], first["a"]["v"])
    whole = torch.func.vmap(net)(x, net.init_state((3,)))[1]["a"]["v"]
    assert torch.allclose(whole, first["a"]["v"])


def test_a_chain_has_linear_size():
    net = nn.Sequential(*(nn.Linear(1, 1) for _ in range(300)))
    graph = torch_to_nir(net)
    assert (len(graph.nodes), len(graph.edges)) == (302, 301)
    assert len(list(nir_to_torch(graph).parameters())) == 600
