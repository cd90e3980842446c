"""Every row of the list of NIRTorch's faults, at least once. Fuller tests are named where they are.

Not here: the time to build a chain, which is measured in benchmarks; a test would time.
"""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import copy
import inspect
import io
import pickle
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
from nirx_torch import NODE_MAP, from_nir, nir_to_torch, torch_to_nir

RULE = nirx.Discretization(dt=1e-3)


def port(*shape: int) -> np.ndarray:
    return np.array(shape)


def graph_of(nodes: dict[str, Any], edges: Any, takes: Any = 2, gives: Any = 2) -> nir.NIRGraph:
    every = {
        "input": nir.Input(np.atleast_1d(takes)),
        **nodes,
        "output": nir.Output(np.atleast_1d(gives)),
    }
    return nir.NIRGraph(every, list(edges), type_check=False)


def scale(*factors: float) -> nir.Scale:
    return nir.Scale(np.array(factors, np.float32))


# -- names (also tests/torch/test_names.py, tests/end_to_end/test_odd_names.py) -------------

CRAFTED = [
    "x');import os;os.environ.__setitem__('NIRX_PWNED','1');('",
    "__import__('os').environ.__setitem__('NIRX_PWNED', '1')",
    "a\nimport os\nos.environ['NIRX_PWNED']='1'",
    "{os.environ}",
    "%(x)s",
]


@pytest.mark.parametrize("name", CRAFTED)
def test_node_names_never_become_code(name, tmp_path, monkeypatch):
    """Row "node names become generated code"."""
    monkeypatch.delenv("NIRX_PWNED", raising=False)
    graph = graph_of({name: scale(2, 3)}, [("input", name), (name, "output")])
    nirx.write(tmp_path / "g.nir", graph)
    net = nir_to_torch(tmp_path / "g.nir")
    assert net(torch.ones(2))[0].tolist() == [2.0, 3.0]
    import os

    assert "NIRX_PWNED" not in os.environ


NAMES = [
    "'",
    '"',
    "\n",
    "self",
    "forward",
    "type",
    "keys",
    "graph",
    "training",
    "if",
    "0",
    "a.b",
]


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_odd_names_work(name):
    """Row "names: quote, newline, empty, ..."."""
    graph = graph_of({name: scale(2, 3)}, [("input", name), (name, "output")])
    assert nir_to_torch(graph)(torch.ones(2))[0].tolist() == [2.0, 3.0]


def test_an_empty_name_is_refused_by_a_clear_error():
    """Row "names: ... empty": a path cannot show it, so nirx asks for a name."""
    graph = graph_of({"": scale(2, 3)}, [("input", ""), ("", "output")])
    with pytest.raises(nirx.GraphError, match="a node is named ''; expected a non-empty string"):
        nir_to_torch(graph)


def test_names_that_look_alike_stay_distinct():
    """Row "names: `a.b` beside `a_b`"."""
    graph = graph_of(
        {"a.b": scale(2, 2), "a_b": scale(5, 5)},
        [("input", "a.b"), ("a.b", "a_b"), ("a_b", "output")],
    )
    net = nir_to_torch(graph)
    assert net(torch.ones(2))[0].tolist() == [10.0, 10.0]
    assert len(list(net.parameters())) == 2


# -- the default map -------------------------------------------------------------------------


def test_the_bias_of_an_affine_is_loaded():
    """Row "default map of Affine"."""
    layer = nir_to_torch(nir.Affine(np.eye(2), np.array([3.0, -1.0])))
    assert layer(torch.zeros(2, dtype=torch.float64)).tolist() == [3.0, -1.0]


@pytest.mark.parametrize(
    ("groups", "padding", "bias"),
    [(1, 0, True), (4, 1, True), (2, "same", False), (np.int64(1), np.array([2]), True)],
)
@pytest.mark.parametrize("axes", [1, 2])
def test_convolutions(groups, padding, bias, axes):
    """Row "Conv1d, Conv2d default map"."""
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
    """Row "SumPool2d"."""
    layer = nir_to_torch(nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([1, 1])))
    x = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]], requires_grad=True)
    y = layer(x)
    assert y.tolist() == [[[1.0, 2.0], [3.0, 4.0]]]
    zeros = torch.zeros(1, 4, 4, requires_grad=True)
    layer(zeros).sum().backward()
    assert (zeros.grad == 1).all()


def test_avg_pool_with_whole_numbers_after_write_and_read(tmp_path):
    """Row "AvgPool2d with int arguments after write and read"."""
    graph = graph_of(
        {"p": nir.AvgPool2d(2, 2, 0)}, [("input", "p"), ("p", "output")], (1, 4, 4), (1, 2, 2)
    )
    nirx.write(tmp_path / "g.nir", graph)
    x = torch.arange(16.0).reshape(1, 4, 4)
    expected = nn.functional.avg_pool2d(x, 2)
    assert torch.equal(nir_to_torch(tmp_path / "g.nir")(x)[0], expected)


def test_flatten_leaves_the_batch_alone():
    """Row "Flatten with a batch"."""
    node = nir.Flatten({"input": port(2, 3, 4)}, 0, -1)
    assert nir_to_torch(node)(torch.ones(3, 2, 3, 4)).shape == (3, 24)
    graph = graph_of({"f": node}, [("input", "f"), ("f", "output")], (2, 3, 4), 24)
    assert nir_to_torch(graph)(torch.ones(3, 2, 3, 4))[0].shape == (3, 24)


def test_all_18_types_have_a_default():
    """Row "no default for Scale, Threshold, ..."; each is run in test_nir_to_torch.py."""
    types = {t for t in vars(nir).values() if inspect.isclass(t) and issubclass(t, nir.NIRNode)}
    assert set(NODE_MAP) == types - {nir.NIRNode, nir.NIRGraph}
    assert len(NODE_MAP) == 18


# -- structure -------------------------------------------------------------------------------


def test_fan_in_at_an_output_is_a_sum():
    """Row "fan-in at Output"."""
    edges = [("input", "a"), ("input", "b"), ("a", "output"), ("b", "output")]
    inner = graph_of({"a": scale(2, 2), "b": scale(5, 5)}, edges)
    y, state = nir_to_torch(inner)(torch.ones(2))
    assert (y.tolist(), state) == ([7.0, 7.0], {})
    outer = graph_of({"s": inner}, [("input", "s"), ("s", "output")])
    y, state = nir_to_torch(outer)(torch.ones(2))
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


@pytest.mark.slow
def test_sums_do_not_depend_on_the_hash_seed():
    """Row "fan-in sums": five sums over six hash seeds."""
    found = set()
    for seed in "0123":
        run = subprocess.run(
            [sys.executable, "-c", SUM],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(run.stdout)
    assert len(found) == 1
    assert float.fromhex(found.pop()) > 0


def test_sums_do_not_depend_on_the_order_of_edges():
    """Row "fan-in sums"."""
    factors = {"a": 1e8, "b": -1e8, "c": 1.0}
    nodes = {n: scale(f, f) for n, f in factors.items()}
    found = set()
    for order in permutations(factors):
        edges = [*[("input", n) for n in order], *[(n, "output") for n in order]]
        graph = graph_of({n: nodes[n] for n in order}, edges)
        found.add(nir_to_torch(graph)(torch.ones(2))[0][0].item())
    assert len(found) == 1


def test_duplicate_edges_count_twice():
    """Row "duplicate edges"."""
    graph = graph_of({"a": scale(2, 3)}, [("input", "a"), ("input", "a"), ("a", "output")])
    assert nir_to_torch(graph)(torch.ones(2))[0].tolist() == [4.0, 6.0]


def test_several_inputs_and_outputs():
    """Row "multiple Inputs or Outputs"."""
    nodes = {"l": nir.Input(port(2)), "r": nir.Input(port(2)), "s": scale(2, 2)}
    nodes |= {"y": nir.Output(port(2)), "z": nir.Output(port(2))}
    edges = [("l", "s"), ("r", "s"), ("s", "y"), ("r", "z")]
    net = nir_to_torch(nir.NIRGraph(nodes, edges, type_check=False))
    y, _ = net({"l": torch.ones(2), "r": torch.full((2,), 3.0)})
    assert {k: v.tolist() for k, v in y.items()} == {"y": [8.0, 8.0], "z": [3.0, 3.0]}


def lif() -> nir.LIF:
    return nir.LIF(np.full(2, 5e-3), np.full(2, 9.0), np.zeros(2), np.full(2, 0.3), np.zeros(2))


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
    """Row "self-loop-only node, detached or driving cycle, unknown edge end, ..."."""
    edges, named = STRUCTURES[name]
    graph = graph_of({"a": lif(), "b": scale(0.5, 0.5)}, edges)
    if named is None:
        graph.nodes = {k: n for k, n in graph.nodes.items() if any(k in e for e in edges)}
    xs = np.random.default_rng(0).random((9, 2))
    if named is not None:
        with pytest.raises(nirx.GraphError, match=named):
            from_nir(graph, RULE)
        return
    net = from_nir(graph, RULE, dtype="float64")
    expected = oracle.run(graph, RULE, xs).outputs["output"]
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(net.run(torch.from_numpy(xs))[0].detach(), expected, rtol=1e-12)


def test_an_edge_to_a_port_of_a_subgraph():
    """Row "... edges to `s.input`"."""
    inner = graph_of({"a": scale(2, 3)}, [("input", "a"), ("a", "output")])
    graph = graph_of({"s": inner}, [("input", "s.input"), ("s.output", "output")])
    assert nir_to_torch(graph)(torch.ones(2))[0].tolist() == [2.0, 3.0]


def test_the_delay_of_feedback_does_not_depend_on_order(tmp_path):
    """Row "delay of a feedback edge"."""
    nodes = {"a": lif(), "w": nir.Linear(np.array([[0.2, -0.9], [0.8, 0.1]]))}
    edges = [("input", "a"), ("a", "w"), ("w", "a"), ("a", "output")]
    xs = torch.rand((9, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = []
    for turned in (False, True):
        order = dict(reversed(nodes.items())) if turned else nodes
        graph = graph_of(order, edges[::-1] if turned else edges)
        nirx.write(tmp_path / "g.nir", graph)
        ways = graph, tmp_path / "g.nir"
        found += [from_nir(way, RULE, dtype="float64").run(xs)[0] for way in ways]
    assert found[0].sum() > 2
    assert all(torch.equal(found[0], other) for other in found[1:])


# -- state and memory (also tests/torch/test_aliasing.py) -------------------------------------


def looped() -> nir.NIRGraph:
    nodes = {"a": lif(), "w": nir.Linear(np.array([[0.2, -0.9], [0.8, 0.1]], np.float32))}
    return graph_of(nodes, [("input", "a"), ("a", "w"), ("w", "a"), ("a", "output")])


def keys(tree: Any) -> Any:
    return {k: keys(v) for k, v in tree.items()} if isinstance(tree, dict) else None


def test_state_is_never_mutated_and_has_one_tree():
    """Row "state"."""
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


def test_an_incomplete_state_is_refused_by_name():
    """Row "state": `{}` or a missing key raises KeyError."""
    net = nir_to_torch(looped(), discretization=RULE)
    x = torch.ones(2)
    with pytest.raises(nirx.InputError, match=r"state of 'a.feedback' is missing; expected 'w'"):
        net(x, {})


def test_arrays_are_copied():
    """Row "the graph's arrays"."""
    graph = looped()
    one, other = (nir_to_torch(graph, discretization=RULE) for _ in range(2))
    with torch.no_grad():
        one.w.weight.fill_(7)
    assert graph.nodes["w"].weight.max() < 1
    assert other.w.weight.max() < 1


def test_device_and_dtype_are_honoured():
    """Row "device, dtype"; more in test_nir_to_torch.py."""
    leaf = nir_to_torch(nir.Linear(np.eye(2)), device="meta", dtype=torch.bfloat16)
    assert (leaf.weight.device.type, leaf.weight.dtype) == ("meta", torch.bfloat16)
    net = nir_to_torch(looped(), dtype=torch.bfloat16, discretization=RULE)
    y, state = net(torch.ones(2, dtype=torch.bfloat16))
    assert y.dtype is state["a"]["v"].dtype is torch.bfloat16
    meta = nir_to_torch(looped(), device="meta", discretization=RULE)
    assert meta(torch.ones(2, device="meta"))[0].device.type == "meta"


def test_the_model_pickles_and_copies():
    """Row "pickle, torch.save, jit, export without state"; export in test_compile_export.py."""
    net = nir_to_torch(looped(), discretization=RULE)
    xs = torch.rand((9, 2, 2), generator=torch.Generator().manual_seed(2)) * 2
    expected = net.run(xs)[0]
    assert expected.sum() > 0
    stream = io.BytesIO()
    torch.save(net, stream)
    stream.seek(0)
    loaded = torch.load(stream, weights_only=False)
    for other in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net), loaded):
        assert torch.equal(other.run(xs)[0], expected)


@pytest.mark.slow
def test_the_model_exports_without_state():
    """Row "... export without state"."""
    net = nir_to_torch(looped(), discretization=RULE)
    x = torch.ones(3, 2)
    exported = torch.export.export(net, (x,)).module()
    assert torch.equal(exported(x)[0], net(x)[0])


# -- torch_to_nir (more in test_torch_to_nir.py and test_torch_to_nir_loops.py) ---------------


def test_the_users_map_wins():
    """Row "torch_to_nir: user's map"."""
    mine = {nn.Linear: lambda m: nir.Scale(np.ones(2))}
    assert isinstance(torch_to_nir(nn.Sequential(nn.Linear(2, 2)), mine).nodes["0"], nir.Scale)


class Step(nn.Module):
    def __init__(self, step: Any):
        super().__init__()
        self.step = step
        torch.manual_seed(0)
        self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)

    def forward(self, x):
        return self.step(self, x)


@pytest.mark.parametrize(
    "step",
    [lambda m, x: m.b((lambda y: y + y)(m.a(x))), lambda m, x: m.b(m.a(x) + 1.0)],
    ids=["y + y", "y + 1.0"],
)
def test_factors_and_constants_are_exact(step):
    """Row "torch_to_nir: `y + y`, `y + 1.0`"."""
    net = Step(step).double()
    x = torch.tensor([[0.3, -2.0]], dtype=torch.float64)
    found = from_nir(torch_to_nir(net), RULE, dtype="float64")(x)[0]
    assert torch.allclose(found, net(x), rtol=1e-13)


def test_a_constant_that_no_bias_can_hold_is_refused():
    """Row "torch_to_nir: `y + y`, `y + 1.0`": exact, or refused by name."""
    with pytest.raises(
        nirx.UnsupportedError, match=r"operator.add in Step.forward adds a constant"
    ):
        torch_to_nir(Step(lambda m, x: m.a(x + 1.0)))


class TwoArguments(Step):
    def forward(self, x, y):
        return self.a(x), self.b(y)


def test_second_argument_and_second_output_stay():
    """Row "torch_to_nir: second forward argument, two outputs"."""
    graph = torch_to_nir(TwoArguments(None))
    assert (set(graph.inputs), set(graph.outputs)) == ({"x", "y"}, {"output_0", "output_1"})
    assert len(graph.edges) == 4


class Recurrent(Step):
    def forward(self, x, state):
        y = self.a(x) + self.b(state)
        return y, y


def test_a_recurrent_cell_has_its_edge():
    """Row "torch_to_nir: a recurrent cell"."""
    graph = torch_to_nir(Recurrent(None), discretization=RULE)
    assert list(graph.inputs) == ["input"]
    assert ("state.delay", "b") in graph.edges
    assert {a for a, b in graph.edges if b == "state.delay"} == {"a", "b"}


class Sub(nn.Linear):
    """A subclass of a mapped class."""


def test_subclasses_bfloat16_and_shared_modules():
    """Row "torch_to_nir: subclasses of a mapped class; bf16; shared submodule"."""
    net = Step(lambda m, x: m.a(m.b(m.a(x))))
    net.b = Sub(2, 2)
    graph = torch_to_nir(net.bfloat16())
    assert isinstance(graph.nodes["b"], nir.Affine)
    assert graph.nodes["a"].metadata == graph.nodes["a_1"].metadata == {"nirx_module": "a"}
    back = from_nir(graph, RULE)
    assert back.modules_by_path["a"] is back.modules_by_path["a_1"]
    assert len(list(back.parameters())) == 4


def test_defaults_and_functional_forms():
    """Row "torch_to_nir: only nn.Linear has a default; only `+` of functional operations"."""
    layers = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.AvgPool2d(2), nn.Identity(), nn.Dropout(), nn.Flatten()
    )

    def step(m, x):
        y = layers(x)
        return nn.functional.linear(y * 2.0, m.weight)

    net = Step(step).eval()
    net.layers, net.weight = layers.eval(), nn.Parameter(torch.ones(3, 8))
    graph = torch_to_nir(net, input_shape=(1, 6, 6))
    kinds = [type(n).__name__ for n in graph.nodes.values()]
    assert kinds == ["Input", "Conv2d", "AvgPool2d", "Flatten", "Scale", "Linear", "Output"]
    x = torch.rand(2, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(from_nir(graph, RULE)(x)[0], net(x), atol=1e-5)


def test_none_bypasses():
    """Row "`{Dropout: None}`, as its own error text advises"."""
    net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)).train()
    assert list(torch_to_nir(net, {nn.Dropout: None}).nodes) == ["input", "0", "output"]


def test_an_export_is_a_copy_with_names():
    """Row "export"."""
    net = nn.Sequential(nn.Sequential(nn.Linear(2, 2)), nn.Linear(2, 2))
    graph = torch_to_nir(net)
    assert list(graph.nodes) == ["input", "0.0", "1", "output"]
    with torch.no_grad():
        net[1].weight.fill_(7)
    assert graph.nodes["1"].weight.max() < 7
    assert isinstance(torch_to_nir(net, subgraphs=True).nodes["0"], nir.NIRGraph)


@pytest.mark.parametrize("length", [300])
def test_a_chain_has_linear_size(length):
    """Row "build time of a chain": its size; its time is in the benchmarks."""
    net = nn.Sequential(*(nn.Linear(1, 1) for _ in range(length)))
    graph = torch_to_nir(net)
    assert (len(graph.nodes), len(graph.edges)) == (length + 2, length + 1)
    assert len(list(nir_to_torch(graph).parameters())) == 2 * length
