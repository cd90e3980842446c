"""torch_to_nir: layers and operations give torch's own numbers, or are refused by name."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportOperatorIssue=false, reportIndexIssue=false, reportOptionalCall=false
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import nirx
from nirx_torch import torch_to_nir
from support.torch_modules import (
    Forward,
    Net,
    assert_same_numbers,
    build,
    runs_on_both,
    samples,
)

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
def test_an_in_place_operator_on_a_value_that_nothing_else_reads(step):
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
    "constant on the input": (lambda m, x: x + 1.0, "operator.add in Net.forward adds a constant"),
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
def test_operations_without_a_node_are_refused_by_name(name):
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
def test_options_that_nir_cannot_express_are_refused_by_name(name):
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
def test_functional_options_that_nir_cannot_express_are_refused(step, message):
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


def test_identity_and_dropout_in_eval_are_bypassed():
    layers = [nn.Identity(), nn.Linear(3, 2), nn.Dropout(0.5), nn.Dropout1d(), nn.Linear(2, 2)]
    net = nn.Sequential(*layers).double().eval()
    graph = assert_same_numbers(net)
    assert list(graph.nodes) == ["input", "1", "4", "output"]
