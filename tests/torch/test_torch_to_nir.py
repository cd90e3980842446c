"""torch_to_nir: one step of a torch module as a graph that gives torch's own numbers."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportOperatorIssue=false, reportIndexIssue=false, reportOptionalCall=false

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import nir
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import nirx
from nirx.graphs.metadata import DISCRETIZATION_KEY, MODULE_KEY
from nirx_torch import MODULE_MAP, torch_to_nir

Forward = Callable[..., Any]


class Net(nn.Module):
    """A module whose forward is a function of itself and of its arguments."""

    def __init__(self, step: Forward, **children: Any):
        super().__init__()
        self.step = step
        for name, child in children.items():
            setattr(self, name, child)

    def forward(self, x):
        return self.step(self, x)


def build(step: Forward, **children: Any) -> Net:
    torch.manual_seed(7)
    given = children or {"a": nn.Linear(3, 3), "b": nn.Linear(3, 3)}
    made = {k: v() if isinstance(v, type) else v for k, v in given.items()}
    for index, parameter in enumerate(p for m in made.values() for p in m.parameters()):
        generator = torch.Generator().manual_seed(index)
        parameter.data.copy_(torch.rand(parameter.shape, generator=generator) - 0.4)
    return Net(step, **made).double().eval()


def samples(*shape: int, steps: int = 5, batch: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.rand((steps, batch, *shape), generator=generator, dtype=torch.float64) * 2 - 0.7


def runs_on_both(graph: nir.NIRGraph, xs: Any) -> list[Any]:
    """Outputs of the graph on the numpy and the torch backend, in float64."""
    found = []
    for backend in ("numpy", "torch"):
        net = nirx.from_nir(
            graph, discretization=nirx.Discretization(), backend=backend, dtype="float64"
        )
        found.append(nirx.state_to_numpy(net.run(xs)[0]))
    return found


def assert_same_numbers(net: nn.Module, shape: Any = (3,), **options: Any) -> nir.NIRGraph:
    """The graph gives what the module gives in a Python loop."""
    graph = torch_to_nir(net, **options)
    xs = samples(*shape)
    with torch.no_grad():
        expected = torch.stack([net(x.clone()) for x in xs]).numpy()
    assert np.abs(expected).max() > 0.01
    for found in runs_on_both(graph, xs):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
    return graph


VECTOR = torch.tensor([0.5, -2.0, 3.0], dtype=torch.float64)

SAME: dict[str, Forward] = {
    "module": lambda m, x: m.a(x),
    "chain": lambda m, x: m.b(m.a(x)),
    "sum of branches": lambda m, x: m.a(x) + m.b(x),
    "residual": lambda m, x: m.b(m.a(x)) + x,
    "residual the other way": lambda m, x: x + m.a(x),
    "torch.add": lambda m, x: torch.add(m.a(x), x),
    "torch.add by keywords": lambda m, x: torch.add(input=m.a(x), other=x),
    "Tensor.add": lambda m, x: m.a(x).add(x),
    "Python's sum": lambda m, x: sum([m.a(x), m.b(x), x]),
    "y + y": lambda m, x: (lambda y: y + y)(m.a(x)),
    "three y": lambda m, x: (lambda y: y + y + y)(m.a(x)),
    "y + y into a layer": lambda m, x: (lambda y: m.b(y + y))(m.a(x)),
    "y + 1": lambda m, x: m.a(x) + 1.0,
    "1 + y": lambda m, x: 1.0 + m.a(x),
    "y - 1": lambda m, x: m.a(x) - 1.0,
    "y + 1 + 2": lambda m, x: m.a(x) + 1.0 + 2,
    "y + vector": lambda m, x: m.a(x) + VECTOR,
    "y + inline tensor": lambda m, x: m.a(x) + torch.tensor([1.0, 2.0, 3.0]),
    "y + parameter": lambda m, x: m.a(x) + m.b.bias,
    "shifted, read twice": lambda m, x: (lambda y: m.b(y) + y)(m.a(x) + 1.0),
    "a - b": lambda m, x: m.a(x) - m.b(x),
    "torch.sub": lambda m, x: torch.sub(m.a(x), x),
    "-y": lambda m, x: -m.a(x),
    "torch.neg": lambda m, x: torch.neg(m.a(x)),
    "3 y": lambda m, x: 3 * m.a(x),
    "y * vector": lambda m, x: m.a(x) * VECTOR,
    "y * whole numbers": lambda m, x: m.a(x) * torch.tensor([1, 2, 3]),
    "y * truth values": lambda m, x: m.a(x) * torch.tensor([True, False, True]),
    "y * parameter": lambda m, x: torch.mul(m.a(x), m.b.bias),
    "y * row": lambda m, x: m.a(x) * VECTOR[None],
    "y / 4": lambda m, x: m.a(x) / 4,
    "y / 0.5": lambda m, x: torch.div(m.a(x), 0.5),
    "linear": lambda m, x: functional.linear(x, m.a.weight, m.a.bias),
    "linear by keywords": lambda m, x: functional.linear(x, weight=m.a.weight),
    "x @ w": lambda m, x: x @ m.a.weight,
    "matmul with w.T": lambda m, x: torch.matmul(x, m.a.weight.t()),
    "weight computed": lambda m, x: functional.linear(x, 2 * m.a.weight - m.b.weight),
    "flatten of features": lambda m, x: torch.flatten(m.a(x), 1),
    "Tensor.flatten": lambda m, x: m.a(x).flatten(start_dim=1),
    "view by size": lambda m, x: m.a(x).view(x.size(0), -1),
    "reshape by shape": lambda m, x: m.a(x).reshape(x.shape[0], -1),
    "dropout in eval": lambda m, x: functional.dropout(m.a(x), 0.9, m.training),
    "clone, detach": lambda m, x: m.a(x).clone().detach().contiguous(),
    "double, type_as": lambda m, x: m.a(x.double()).type_as(x),
    "plus zeros_like": lambda m, x: m.a(x) + torch.zeros_like(x),
    "plus zeros of a batch": lambda m, x: m.a(x) + torch.zeros(x.shape[0], 3, dtype=x.dtype),
    "plus new_zeros": lambda m, x: m.a(x) + x.new_zeros(3),
    "a dead branch": lambda m, x: (torch.relu(m.b(x)), m.a(x))[1],
    "same layer twice": lambda m, x: m.a(m.a(x)),
}


@pytest.mark.parametrize("name", SAME)
def test_the_graph_gives_torchs_numbers(name):
    assert_same_numbers(build(SAME[name]))


def test_a_cast_to_float_is_the_runs_dtype():
    graph = torch_to_nir(build(lambda m, x: m.a(x.float())))
    assert list(graph.nodes) == ["input", "a", "output"]


def in_place_sum(m, x):
    y = m.a(x)
    y += x
    y *= 2
    return y


def in_place_residual(m, x):
    h = m.a(x)
    h -= x
    return m.b(h) + x


@pytest.mark.parametrize("step", [in_place_sum, in_place_residual])
def test_an_in_place_operator_on_a_value_of_its_own(step):
    assert_same_numbers(build(step))


def aliased(m, x):
    y = m.a(x)
    z = y
    y += x
    return y + z


def aliased_through_a_view(m, x):
    y = m.a(x)
    z = y.view(x.shape[0], -1)
    y += x
    return m.b(z) + y


def input_overwritten(m, x):
    y = m.a(x)
    x += y
    return y + m.step.x if hasattr(m.step, "x") else y.add_(x)


def item_assigned(m, x):
    y = m.a(x)
    y[0] = 1.0
    return y


def method_unused(m, x):
    y = m.a(x)
    y.mul_(2)
    return y


def out_argument(m, x):
    y = m.a(x)
    torch.add(y, x, out=y)
    return y


@pytest.mark.parametrize(
    ("step", "word"),
    [
        (aliased, "iadd"),
        (aliased_through_a_view, "iadd"),
        (input_overwritten, "add_"),
        (item_assigned, "item"),
        (method_unused, "mul_"),
        (out_argument, "add"),
    ],
)
def test_writes_that_the_graph_would_lose_are_refused(step, word):
    with pytest.raises(nirx.UnsupportedError, match=word):
        torch_to_nir(build(step))


REFUSED: dict[str, tuple[Forward, str]] = {
    "relu": (lambda m, x: torch.relu(m.a(x)), r"torch.relu in Net.forward has no NIR node"),
    "functional.relu": (lambda m, x: functional.relu(x), r"torch.nn.functional.relu"),
    "Tensor.relu": (lambda m, x: m.a(x).relu(), r"torch.Tensor.relu"),
    "product": (lambda m, x: m.a(x) * x, "multiplies two values"),
    "power": (lambda m, x: m.a(x) ** 2, "operator.pow"),
    "division by a value": (lambda m, x: 1 / m.a(x), "divides by a value"),
    "division by 3": (lambda m, x: m.a(x) / 3, "reciprocal"),
    "division by 0": (lambda m, x: m.a(x) / 0, "divides"),
    "rounded division": (lambda m, x: torch.div(x, 2, rounding_mode="floor"), "rounding_mode"),
    "floor division": (lambda m, x: m.a(x) // 2, "operator.floordiv"),
    "alpha": (lambda m, x: torch.add(m.a(x), x, alpha=2), "alpha"),
    "comparison": (lambda m, x: m.a(x) > 0, "operator.gt"),
    "constant on the input": (lambda m, x: x + 1.0, "adds a constant"),
    "constant on a sum": (lambda m, x: m.a(x) + m.b(x) + 1.0, "adds a constant"),
    "constant on what others read": (
        lambda m, x: (lambda y: m.b(y) + (y + 1.0))(m.a(x)),
        "adds a constant",
    ),
    "1 - y": (lambda m, x: 1.0 - m.a(x), "adds a constant"),
    "column": (lambda m, x: m.a(x) + torch.ones(4, 1), "adds a constant of shape"),
    "factor of a batch": (lambda m, x: m.a(x) * torch.ones(4, 1), "constant of shape"),
    "reshape": (lambda m, x: m.a(x).reshape(x.shape[0], 1, 3), "reshapes"),
    "flatten of the batch": (lambda m, x: torch.flatten(m.a(x)), "include the batch"),
    "index": (lambda m, x: m.a(x)[:, 0], "indexing"),
    "cat": (lambda m, x: torch.cat([x, m.a(x)], 1), "torch.cat"),
    "mean": (lambda m, x: m.a(x).mean(1), "torch.Tensor.mean"),
    "transpose": (lambda m, x: m.a(x).T, "'T'"),
    "dtype": (lambda m, x: m.a(x).int(), "torch.Tensor.int"),
    "control flow": (lambda m, x: m.a(x) if x.sum() > 0 else x, "branches or loops"),
    "len": (lambda m, x: m.a(x) * len(x), "branches or loops"),
    "a loop over a size": (
        lambda m, x: sum(m.a(x) for _ in range(x.shape[1])),
        "branches or loops",
    ),
    "a size as a factor": (lambda m, x: m.a(x) * x.size(0), "operator.mul"),
    "ones of a batch": (lambda m, x: m.a(x) + torch.ones(x.shape[0], 3), "ones"),
    "dropout in training": (lambda m, x: functional.dropout(m.a(x), 0.5), "random"),
    "random constants": (lambda m, x: m.a(x) + torch.rand(3), "random"),
    "rand_like": (lambda m, x: m.a(x) + torch.rand_like(x), "rand_like"),
    "a bilinear form": (lambda m, x: x @ m.a(x), "multiplies matrices"),
    "a constant output": (lambda m, x: torch.zeros_like(x), "constant"),
    "nothing": (lambda m, x: None, "returns no value"),
    "a second output that is constant": (lambda m, x: (m.a(x), 3.0), "output_1.*constant"),
    "a layer on zeros": (lambda m, x: m.a(torch.zeros_like(x)) + x, "always zero"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_NIR_cannot_say_is_refused_by_name(name):
    step, message = REFUSED[name]
    with pytest.raises(nirx.NirxError, match=message):
        torch_to_nir(build(step))


MODULES: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "ReLU": (nn.ReLU, r"torch.nn.ReLU at a has no NIR node.*module_map"),
    "reflecting convolution": (
        lambda: nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"),
        "a: Conv2d with padding_mode",
    ),
    "ceil_mode": (lambda: nn.AvgPool2d(2, ceil_mode=True), "a: AvgPool2d with ceil_mode"),
    "padding not counted": (
        lambda: nn.AvgPool2d(2, padding=1, count_include_pad=False),
        "count_include_pad",
    ),
    "divisor": (lambda: nn.AvgPool2d(2, divisor_override=3), "divisor_override"),
    "second norm": (lambda: nn.LPPool2d(2, 2), "norm_type=2"),
    "flatten of the batch": (lambda: nn.Flatten(0), "include the batch"),
    "BatchNorm in training": (lambda: nn.BatchNorm2d(1), "a: BatchNorm2d with the statistics"),
    "Dropout in training": (lambda: nn.Dropout(0.5), "a: Dropout in training mode"),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules_that_NIR_cannot_say_are_refused_by_name(name):
    make, message = MODULES[name]
    net = Net(lambda m, x: m.a(x), a=make()).train()
    with pytest.raises(nirx.UnsupportedError, match=message):
        torch_to_nir(net, input_shape=(1, 6, 6))


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda m, x: functional.avg_pool2d(x, 2, ceil_mode=True), "ceil_mode"),
        (
            lambda m, x: functional.avg_pool2d(x, 2, padding=1, count_include_pad=False),
            "without counting",
        ),
        (lambda m, x: functional.conv2d(x, m.a(x)), "weight"),
        (lambda m, x: functional.max_pool2d(x, 2), "max_pool2d"),
    ],
)
def test_functional_layers_that_NIR_cannot_say(step, message):
    with pytest.raises(nirx.UnsupportedError, match=message):
        torch_to_nir(Net(step, a=nn.Conv2d(1, 1, 1)), input_shape=(1, 6, 6))


PICTURES: dict[str, Forward] = {
    "conv2d": lambda m, x: functional.conv2d(x, m.a.weight, m.a.bias, padding=1),
    "conv2d strided, no bias": lambda m, x: functional.conv2d(x, m.a.weight, stride=2, dilation=2),
    "conv2d same": lambda m, x: functional.conv2d(x, m.a.weight, padding="same"),
    "conv2d in groups": lambda m, x: functional.conv2d(x, m.g.weight, groups=2),
    "module": lambda m, x: m.a(x),
    "conv plus number": lambda m, x: m.a(x) + 0.25,
    "conv plus channels": lambda m, x: m.a(x) + VECTOR.view(3, 1, 1),
    "conv times channels": lambda m, x: m.a(x) * VECTOR.view(1, 3, 1, 1),
    "avg_pool2d": lambda m, x: functional.avg_pool2d(x, 2),
    "avg_pool2d padded": lambda m, x: functional.avg_pool2d(x, 3, stride=2, padding=1),
    "avg_pool2d of pairs": lambda m, x: functional.avg_pool2d(x, (2, 3), (1, 2)),
    "flattened": lambda m, x: torch.flatten(m.a(x), 1),
    "partly flattened": lambda m, x: torch.flatten(x, 2),
    "first axes flattened": lambda m, x: torch.flatten(x, 1, 2),
    "view": lambda m, x: m.a(x).view(x.shape[0], -1),
    "view of a tuple": lambda m, x: m.a(x).reshape((x.shape[0], -1)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(name):
    layers = {"a": nn.Conv2d(2, 3, 3), "g": nn.Conv2d(2, 4, 3, groups=2)}
    assert_same_numbers(build(PICTURES[name], **layers), (2, 7, 8), input_shape=(2, 7, 8))


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(2, 4, 3, stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2),
        nn.Conv2d(2, 3, (1, 3), padding="same", bias=False),
        nn.Conv2d(2, 3, 2, padding="valid"),
        nn.AvgPool2d(2),
        nn.AvgPool2d((2, 3), stride=1, padding=1),
        nn.LPPool2d(1, 2),
        nn.LPPool2d(1, (3, 2), stride=2),
        nn.Flatten(),
        nn.Flatten(2),
        nn.Flatten(1, -2),
        nn.Flatten(-3, -1),
    ],
    ids=str,
)
def test_layers_of_pictures(layer):
    net = Net(lambda m, x: m.a(x), a=layer).double().eval()
    xs = samples(2, 7, 8).abs()  # LPPool2d of norm 1 sums magnitudes
    graph = torch_to_nir(net, input_shape=(2, 7, 8))
    with torch.no_grad():
        expected = torch.stack([net(x) for x in xs]).numpy()
    for found in runs_on_both(graph, xs):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv1d(2, 4, 3, stride=2, padding=1, groups=2),
        nn.Conv1d(2, 3, 3, padding="same", dilation=2, bias=False),
    ],
    ids=str,
)
def test_layers_of_signals(layer):
    net = Net(lambda m, x: m.a(x), a=layer).double()
    assert_same_numbers(net, (2, 9), input_shape=(2, 9))
    again = Net(
        lambda m, x: functional.conv1d(
            x, m.a.weight, m.a.bias, m.a.stride, m.a.padding, m.a.dilation, m.a.groups
        ),
        a=layer,
    )
    assert_same_numbers(again.double(), (2, 9), input_shape=(2, 9))


def test_modules_that_are_nothing_in_NIR_are_bypassed():
    layers = [nn.Identity(), nn.Linear(3, 2), nn.Dropout(0.5), nn.Dropout1d(), nn.Linear(2, 2)]
    net = nn.Sequential(*layers).double().eval()
    graph = assert_same_numbers(net)
    assert list(graph.nodes) == ["input", "1", "4", "output"]


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


def test_options_with_defaults_are_no_inputs():
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


# -- the module is left alone ---------------------------------------------------------------


class Remembers(nn.Module):
    """Leaves traces of a call in every kind of attribute."""

    def __init__(self, fail: bool = False):
        super().__init__()
        self.a = nn.Linear(3, 3)
        self.register_buffer("mean", torch.zeros(3))
        self.last: Any = None
        self.fail = fail

    def forward(self, x):
        self.last = x
        self.new = self.a(x)
        self.mean = self.mean * 0.5 + self.new
        if self.fail:
            raise KeyError("own")
        return self.a(self.mean)


def everything(module: nn.Module) -> dict[str, Any]:
    tensors = {k: v.clone() for k, v in module.state_dict().items()}
    own = {k: set(vars(m)) for k, m in module.named_modules()}
    return {**tensors, "names": own, "training": module.training, "last": vars(module).get("last")}


@pytest.mark.parametrize("fail", [False, True])
def test_tracing_leaves_the_module_as_it_was(fail):
    net = Remembers(fail)
    before, buffer, setter = everything(net), net.mean, nn.Module.__setattr__
    zeros, call = torch.zeros, nn.Module.__call__
    if fail:
        with pytest.raises(KeyError, match="own"):
            torch_to_nir(net)
    else:
        torch_to_nir(net, discretization=nirx.Discretization())
    after = everything(net)
    assert before.keys() == after.keys()
    for key, value in before.items():
        same = torch.equal(value, after[key]) if torch.is_tensor(value) else value == after[key]
        assert same, key
    assert net.mean is buffer
    assert (nn.Module.__setattr__, torch.zeros, nn.Module.__call__) == (setter, zeros, call)


def test_random_numbers_go_on_where_they_were():
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    with pytest.raises(nirx.UnsupportedError, match="random"):
        torch_to_nir(build_without_seed(lambda m, x: m.a(x) + torch.rand(3)))
    assert torch.equal(torch.rand(2), expected)


def build_without_seed(step: Forward) -> Net:
    state = torch.random.get_rng_state()
    net = build(step)
    torch.random.set_rng_state(state)
    return net


def list_grows(m, x):
    m.log.append(x)
    return m.a(x)


def dict_changes(m, x):
    m.cache["v"] = m.a(x)
    return m.cache["v"]


def number_counts(m, x):
    m.count += 1
    return m.a(x) * m.count


def buffer_changes(m, x):
    m.seen.add_(1)
    return m.a(x) * m.seen


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (list_grows, "log"),
        (dict_changes, "cache"),
        (number_counts, "count"),
        (buffer_changes, "seen"),
    ],
)
def test_state_that_a_graph_cannot_follow_is_refused_and_put_back(step, name):
    net = build(step)
    net.log, net.cache, net.count = [], {"v": None}, 0
    net.register_buffer("seen", torch.zeros(1, dtype=torch.float64))
    with pytest.raises(nirx.UnsupportedError, match=f"changes '{name}'"):
        torch_to_nir(net)
    assert (net.log, net.cache, net.count, net.seen.item()) == ([], {"v": None}, 0, 0.0)


def test_the_graph_shares_no_memory_with_the_module():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    graph = torch_to_nir(net, {nn.Linear: lambda m: nir.Affine(m.weight, m.bias.detach().numpy())})
    before = copy.deepcopy(graph.nodes["1"].weight)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(9)
    assert np.array_equal(graph.nodes["1"].weight, before)
    assert not (graph.nodes["0"].bias == 9).any()
    graph.nodes["0"].weight[:] = -1
    assert (net[0].weight == 9).all()


# -- maps -----------------------------------------------------------------------------------


class Mine(nn.Linear):
    """A subclass of a mapped class."""


class Square(nn.Module):
    def forward(self, x):
        return x * x


def sequential(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers).double().eval()


def test_the_users_entry_wins():
    graph = torch_to_nir(sequential(nn.Linear(3, 3)), {nn.Linear: lambda m: nir.Scale(m.weight[0])})
    assert isinstance(graph.nodes["0"], nir.Scale)


def test_a_subclass_of_a_mapped_class_is_mapped():
    assert isinstance(torch_to_nir(sequential(Mine(3, 3))).nodes["0"], nir.Affine)
    users = torch_to_nir(sequential(Mine(3, 3)), {nn.Linear: lambda m: nir.Linear(m.weight)})
    assert isinstance(users.nodes["0"], nir.Linear)


def test_none_bypasses():
    net = sequential(nn.Linear(3, 3), nn.ReLU(), nn.Dropout(0.5)).train()
    graph = torch_to_nir(net, {nn.ReLU: None, nn.Dropout: None})
    assert graph.edges == [("input", "0"), ("0", "output")]
    by_call = torch_to_nir(net, {nn.ReLU: lambda m: None, nn.Dropout: lambda m: None})
    assert by_call.edges == graph.edges


def test_a_default_dict_replaces_the_defaults():
    net = sequential(nn.Linear(3, 3))
    for nothing in ({}, None):
        with pytest.raises(nirx.UnsupportedError, match=r"torch.nn.Linear at 0 has no NIR node"):
            torch_to_nir(net, default_dict=nothing)
    graph = torch_to_nir(net, default_dict={nn.Linear: lambda m: nir.Linear(m.weight)})
    assert isinstance(graph.nodes["0"], nir.Linear)


def test_maps_are_copied_joined_and_guarded():
    own = MODULE_MAP.copy()
    own.override(nn.Linear, lambda m: nir.Linear(m.weight))
    assert isinstance(torch_to_nir(sequential(nn.Linear(3, 3))).nodes["0"], nir.Affine)
    joined = MODULE_MAP | {nn.ReLU: None}
    assert nn.ReLU not in MODULE_MAP
    net = sequential(nn.Linear(3, 3), nn.ReLU())
    assert list(torch_to_nir(net, default_dict=joined).nodes) == ["input", "0", "output"]
    assert list(torch_to_nir(net, joined, {}).nodes) == ["input", "0", "output"]
    with pytest.raises(nirx.InputError, match="Linear has an entry already; use override"):
        own.register(nn.Linear, lambda m: None)
    with pytest.raises(nirx.InputError, match="ReLU has no entry; use register"):
        own.override(nn.ReLU, None)
    own.register(nn.ReLU, None)
    with pytest.raises(nirx.InputError, match="ReLU has an entry"):
        own.register_handlers({nn.Tanh: None, nn.ReLU: None})
    assert nn.Tanh not in own
    own.register_handlers([(nn.Tanh, None), (nn.GELU, None)])
    assert {nn.Tanh, nn.GELU} <= set(own)


def test_register_is_a_decorator():
    own = MODULE_MAP.copy()

    @own.register(Square)
    def export(module):
        return nir.Scale(np.ones(3))

    assert own[Square] is export
    assert isinstance(torch_to_nir(sequential(Square()), own, {}).nodes["0"], nir.Scale)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([nn.Linear], "module_map is"),
        ({"Linear": None}, "module_map is"),
        ({nn.Linear: 3}, "module_map is"),
    ],
)
def test_a_map_that_is_none_is_refused(given, message):
    with pytest.raises(nirx.InputError, match=message):
        torch_to_nir(sequential(nn.Linear(3, 3)), given)


@pytest.mark.parametrize("wrong", [3, "Affine", nn.Linear(1, 1), [nir.Scale(np.ones(1))]])
def test_an_exporter_that_gives_something_else_is_named(wrong):
    with pytest.raises(nirx.InputError, match="0: the exporter of Linear gave a"):
        torch_to_nir(sequential(nn.Linear(3, 3)), {nn.Linear: lambda m: wrong})


def test_an_exporters_own_error_passes():
    def export(module):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        torch_to_nir(sequential(nn.Linear(3, 3)), {nn.Linear: export})
    assert "raised by the exporter of Linear for 0" in caught.value.__notes__[0]


def subgraph(module: nn.Linear) -> nir.NIRGraph:
    size = np.array([3])
    return nir.NIRGraph(
        {
            "input": nir.Input(size),
            "w": nir.Affine(module.weight, module.bias),
            "s": nir.Scale(torch.full((3,), 2.0)),
            "output": nir.Output(size),
        },
        [("input", "w"), ("w", "s"), ("s", "output")],
        type_check=False,
    )


def test_an_exporter_may_give_a_graph_and_tensors():
    net = sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    exporters = {nn.Linear: lambda m: subgraph(m) if m is net[0] else MODULE_MAP[nn.Linear](m)}
    for nested in (False, True):
        graph = torch_to_nir(net, exporters, subgraphs=nested)
        inner = graph.nodes["0"]
        assert isinstance(inner, nir.NIRGraph)
        assert type(inner.nodes["w"].weight) is type(inner.nodes["s"].scale) is np.ndarray
        xs = samples(3)
        for found in runs_on_both(graph, xs):
            expected = net[1](2 * net[0](xs)).detach()
            np.testing.assert_allclose(found, expected, rtol=1e-12)


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


def test_the_discretization_stands_in_the_metadata():
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
