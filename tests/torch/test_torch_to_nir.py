"""torch_to_nir: inputs, outputs, names, nesting and sharing of modules."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportOperatorIssue=false, reportIndexIssue=false, reportOptionalCall=false
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch
from torch import nn

import nirx
from nirx.graphs.metadata import DISCRETIZATION_KEY, MODULE_KEY
from nirx_torch import torch_to_nir
from support.torch_modules import Net, assert_same_numbers, build, runs_on_both, samples, sequential

# -- inputs and outputs -----------------------------------------------------------------


class TwoWays(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 2).double(), nn.Linear(4, 2).double()

    def forward(self, left, right):
        u, v = self.a(left), self.b(right)
        return {"sum": u + v, "left": u}


def test_several_inputs_and_outputs():
    net = TwoWays()
    graph = torch_to_nir(net)
    assert set(graph.inputs) == {"left", "right"}
    assert set(graph.outputs) == {"sum", "left_1"}  # "left" is the Input's name
    xs = {"left": samples(3), "right": samples(4)}
    with torch.no_grad():
        rows = [net(x, y) for x, y in zip(xs["left"], xs["right"], strict=True)]
    for found in runs_on_both(graph, xs):
        for name, key in (("sum", "sum"), ("left_1", "left")):
            expected = torch.stack([row[key] for row in rows]).numpy()
            np.testing.assert_allclose(found[name], expected, rtol=1e-12)


def test_a_tuple_of_outputs_and_an_input_that_passes_through():
    net = build(lambda m, x: (m.a(x), [m.b(x), x]))
    graph = torch_to_nir(net)
    assert list(graph.outputs) == ["output_0", "output_1_0", "output_1_1"]
    xs = samples(3)
    for found in runs_on_both(graph, xs):
        np.testing.assert_allclose(found["output_0"], net.a(xs).detach(), rtol=1e-12)
        np.testing.assert_allclose(found["output_1_0"], net.b(xs).detach(), rtol=1e-12)
        np.testing.assert_array_equal(found["output_1_1"], xs)


def test_one_value_may_leave_twice():
    graph = torch_to_nir(build(lambda m, x: (lambda y: (y, y))(m.a(x))))
    found, _ = runs_on_both(graph, samples(3))
    assert np.array_equal(found["output_0"], found["output_1"])


def test_nothing_but_the_input():
    graph = torch_to_nir(build(lambda m, x: x), input_shape=3)
    assert graph.edges == [("input", "output")]


def test_an_input_of_unknown_shape_is_named():
    net = Net(lambda m, x: m.a(x), a=nn.Conv2d(1, 1, 1))
    with pytest.raises(nirx.GraphError, match=r"input: nothing.*determines the shape.*input_shape"):
        torch_to_nir(net)
    with pytest.raises(nirx.InputError, match="input_shape has 'z'; forward takes x"):
        torch_to_nir(net, input_shape={"z": (1, 2, 2)})
    with pytest.raises(nirx.InputError, match="expected whole numbers"):
        torch_to_nir(net, input_shape="wide")
    assert torch_to_nir(net, input_shape={"x": (1, 2, 2)}).nodes["a"].input_shape == (2, 2)


class Options(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 3).double()

    def forward(self, x, gain=2.0, mode="plain", twice=False, extra=None):
        y = self.a(x) * gain if mode == "plain" else self.a(x)
        if twice:
            y = y + y
        return y if extra is None else y + extra


def test_options_with_defaults_are_not_inputs():
    graph = assert_same_numbers(Options(), concrete_args={"extra": None})
    assert list(graph.inputs) == ["input"]


def test_concrete_args_pin_options():
    net = Options()
    graph = torch_to_nir(net, concrete_args={"extra": None, "twice": True, "mode": "other"})
    xs = samples(3)
    for found in runs_on_both(graph, xs):
        np.testing.assert_allclose(found, 2 * net.a(xs).detach(), rtol=1e-12)


def test_an_optional_input_is_an_input():
    graph = torch_to_nir(Options(), input_shape={"extra": 3})
    assert set(graph.inputs) == {"x", "extra"}
    with pytest.raises(nirx.GraphError, match="extra: nothing in the model determines the shape"):
        torch_to_nir(Options())


def test_concrete_args_of_another_name_are_refused():
    with pytest.raises(nirx.InputError, match="concrete_args has 'stat'; forward takes x"):
        torch_to_nir(Options(), concrete_args={"stat": None})


# -- names, nesting, sharing --------------------------------------------------------------


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x):
        return self.second(self.first(x)) + x


class Nested(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two, self.last = Block(), Block(), nn.Linear(3, 2)

    def forward(self, x):
        y = self.one(x)
        return self.last(self.two(2 * y))


def test_names_are_the_modules_paths():
    graph = assert_same_numbers(Nested().double())
    names = ["one.first", "one.second", "mul", "two.first", "two.second", "last"]
    assert list(graph.nodes) == ["input", *names, "output"]


def test_nested_modules_become_subgraphs():
    net = Nested().double()
    graph = assert_same_numbers(net, subgraphs=True)
    assert set(graph.nodes) == {"input", "one", "mul", "two", "last", "output"}
    assert isinstance(graph.nodes["one"], nir.NIRGraph)
    assert {"first", "second"} <= set(graph.nodes["one"].nodes)
    own = net.two.first.weight.detach().numpy()
    assert np.array_equal(graph.nodes["two"].nodes["first"].weight, own)


def test_deeply_nested_modules_become_subgraphs():
    inner = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)))
    net = nn.Sequential(inner, nn.Linear(3, 2)).double()
    graph = assert_same_numbers(net, subgraphs=True)
    assert isinstance(graph.nodes["0"].nodes["1"], nir.NIRGraph)
    flat = torch_to_nir(net)
    assert list(flat.nodes) == ["input", "0.0", "0.1.0", "0.1.1", "1", "output"]


def test_a_shared_module_is_exported_once_and_named_in_the_metadata():
    calls = []

    def export(module):
        calls.append(module)
        return nir.Linear(module.weight)

    net = build(lambda m, x: m.a(m.b(m.a(x))), a=nn.Linear(3, 3, bias=False), b=nn.Linear(3, 3))
    graph = torch_to_nir(net, {nn.Linear: export})
    assert [graph.nodes[n].metadata.get(MODULE_KEY) for n in ("a", "b", "a_1")] == ["a", None, "a"]
    assert calls == [net.a, net.b]
    assert graph.nodes["a"].weight is not graph.nodes["a_1"].weight
    back = nirx.from_nir(
        graph, discretization=nirx.Discretization(), backend="torch", dtype="float64"
    )
    assert back.modules_by_path["a"] is back.modules_by_path["a_1"]
    assert len(list(back.parameters())) == 2


def test_a_module_under_two_names_is_shared_too():
    net = build(lambda m, x: m.b(m.a(x)))
    net.b = net.a
    graph = assert_same_numbers(net)
    first, second = (n for n in graph.nodes if n not in ("input", "output"))
    assert graph.nodes[first].metadata[MODULE_KEY] == graph.nodes[second].metadata[MODULE_KEY]


# -- the export as a whole ------------------------------------------------------------


def test_bfloat16_is_exported():
    net = nn.Sequential(nn.Linear(3, 3)).bfloat16()
    node = torch_to_nir(net).nodes["0"]
    assert node.weight.dtype == np.float32
    assert np.array_equal(node.weight, net[0].weight.detach().float().numpy())


def test_float64_is_exported_whole():
    net = sequential(nn.Linear(3, 3))
    assert np.array_equal(torch_to_nir(net).nodes["0"].weight, net[0].weight.detach().numpy())


def test_a_mapped_module_alone_gives_its_node():
    layer = nn.Linear(3, 2)
    node = torch_to_nir(layer)
    assert isinstance(node, nir.Affine)
    assert np.array_equal(node.weight, layer.weight.detach().numpy())
    with pytest.raises(nirx.UnsupportedError, match="Identity is bypassed"):
        torch_to_nir(nn.Identity())
    with pytest.raises(nirx.InputError, match=r"a function; expected a torch.nn.Module"):
        torch_to_nir(lambda x: x)


def test_type_check_refuses_shapes_that_do_not_fit():
    net = sequential(nn.Linear(3, 4), nn.Linear(3, 2))
    with pytest.raises(nirx.GraphError, match=r"1: the input has shape \(4,\)"):
        torch_to_nir(net)
    graph = torch_to_nir(net, type_check=False)
    assert graph.edges == [("input", "0"), ("0", "1"), ("1", "output")]


def test_the_discretization_is_in_the_metadata():
    net = sequential(nn.Linear(3, 3))
    rule = nirx.Discretization(dt=2e-3)
    assert DISCRETIZATION_KEY not in torch_to_nir(net).metadata
    for nested in (False, True):
        graph = torch_to_nir(net, discretization=rule, subgraphs=nested)
        text = graph.metadata[DISCRETIZATION_KEY]
        assert nirx.Discretization.from_json(text) == rule
    assert nirx.from_nir(graph, backend="numpy").schedule.discretization == rule


def test_an_exported_graph_is_written_and_read(tmp_path):
    net = Nested().double()
    for nested in (False, True):
        graph = torch_to_nir(net, subgraphs=nested)
        nirx.write(tmp_path / "g.nir", graph)
        assert nirx.same_graph(nirx.read(tmp_path / "g.nir"), graph)


def test_a_long_chain_of_residual_sums_stays_linear():
    layers = nn.ModuleList(nn.Linear(2, 2, bias=False) for _ in range(80))
    for layer in layers:
        layer.weight.data.mul_(0.1)

    def step(m, x):
        for layer in m.layers:
            x = layer(x) + x
        return x

    net = Net(step, layers=layers).double()
    graph = assert_same_numbers(net, (2,))
    assert len(graph.edges) < 80 * 50


@pytest.mark.parametrize(
    "net",
    [nn.Sequential(nn.LazyLinear(3)), nn.Sequential(nn.Linear(3, 3, device="meta"))],
    ids=["lazy", "meta"],
)
def test_parameters_without_numbers_are_refused(net):
    with pytest.raises(nirx.InputError, match="no numbers yet"):
        torch_to_nir(net)


@pytest.mark.parametrize(
    "wrap", [torch.fx.symbolic_trace, pytest.param(torch.compile, marks=pytest.mark.slow)]
)
def test_wrapped_modules_are_exported(wrap):
    net = sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    assert nirx.same_graph(torch_to_nir(wrap(net)), torch_to_nir(net))


def test_a_layer_called_by_name_or_without_a_value():
    assert_same_numbers(build(lambda m, x: m.b(input=m.a(x))))
    with pytest.raises(nirx.UnsupportedError, match="a is called without a value"):
        torch_to_nir(build(lambda m, x: m.a() + x))


def test_layers_in_containers_and_parametrized_layers():
    layers = nn.ModuleDict({"q": nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))})
    graph = assert_same_numbers(build(lambda m, x: m.d["q"](x), d=layers))
    assert list(graph.nodes) == ["input", "d.q", "output"]
