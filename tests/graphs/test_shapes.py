"""Shape inference, including shapes that nir infers wrongly or not at all."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

import nirx
from support.graphs import changed, lif, line, make_graph
from support.one_node import alone

torch = pytest.importorskip("torch")

D = nirx.Discretization(dt=1.0)
Shape = tuple[int, ...]


def shape_after(node: Any, takes: Shape) -> Shape:
    return alone(node, takes).schedule.shapes["n"][1]


def test_every_type_has_the_shapes_of_its_example(example):
    shapes = nirx.schedule(example.graph, nirx.Discretization(dt=1e-4)).shapes
    assert shapes["output"] == (example.gives, example.gives)
    if example.name not in ("Input", "Output", "NIRGraph"):
        assert shapes["node"] == (example.takes, example.gives)


def conv2d(weight: Shape, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1):
    bias = np.zeros(weight[0], np.float32)
    return nir.Conv2d(None, np.ones(weight, np.float32), stride, padding, dilation, groups, bias)


CONVOLUTIONS = [
    ((4, 2, 3, 2), {}),
    ((4, 2, 3, 2), {"stride": (2, 1), "padding": (1, 0)}),
    ((4, 2, 3, 2), {"stride": 2, "padding": 2, "dilation": (1, 3)}),
    ((4, 1, 2, 5), {"groups": 2, "padding": "valid"}),
    ((2, 1, 4, 2), {"groups": 2, "padding": "same"}),
    ((2, 2, 3, 3), {"padding": "same", "dilation": (2, 1)}),
    ((2, 2, 1, 1), {"stride": np.array([3, 2])}),
]


@pytest.mark.parametrize(("weight", "options"), CONVOLUTIONS, ids=str)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
def test_conv2d_has_torchs_shape(weight, options):
    fixed = {k: tuple(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    x = torch.zeros(1, 2, 9, 11)
    expected = torch.nn.functional.conv2d(x, torch.ones(weight), **fixed).shape[1:]
    assert shape_after(conv2d(weight, **options), (2, 9, 11)) == tuple(expected)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.parametrize("padding", [0, 3, "same", "valid"])
@pytest.mark.parametrize("dilation", [1, 2])
def test_conv1d_has_torchs_shape(padding, dilation):
    node = nir.Conv1d(None, np.ones((3, 2, 4)), 1, padding, dilation, 1, np.zeros(3))
    x = torch.zeros(1, 2, 13)
    expected = torch.nn.functional.conv1d(x, torch.ones(3, 2, 4), None, 1, padding, dilation)
    assert shape_after(node, (2, 13)) == tuple(expected.shape[1:])


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [(2, 2, 0), ((3, 2), (2, 1), (1, 0)), (np.array([2, 3]), 1, np.array([1, 1])), (4, 3, 2)],
    ids=str,
)
def test_pools_have_torchs_shape(kernel, stride, padding):
    def pair(v: Any) -> Any:
        return tuple(v) if isinstance(v, np.ndarray) else v

    x = torch.zeros(1, 2, 7, 8)
    expected = torch.nn.functional.avg_pool2d(x, pair(kernel), pair(stride), pair(padding)).shape
    for kind in (nir.SumPool2d, nir.AvgPool2d):
        assert shape_after(kind(kernel, stride, padding), (2, 7, 8)) == tuple(expected[1:])


@pytest.mark.parametrize(
    ("dims", "takes", "gives"),
    [
        ((0, -1), (2, 3, 4), (24,)),
        ((1, -1), (2, 3, 4), (2, 12)),
        ((0, 1), (2, 3, 4), (6, 4)),
        ((-2, -1), (2, 3, 4), (2, 12)),
        ((1, 1), (2, 3, 4), (2, 3, 4)),
        ((0, 0), (5,), (5,)),
    ],
)
def test_flatten_counts_the_features_only(dims, takes, gives):
    node = nir.Flatten({"input": None}, *dims)
    assert shape_after(node, takes) == gives


@pytest.mark.parametrize(
    ("weight", "takes", "gives"),
    [((4, 3), (3,), (4,)), ((2, 4, 3), (2, 3), (2, 4)), ((5, 2, 4, 3), (5, 2, 3), (5, 2, 4))],
)
def test_linear_acts_on_the_last_axis(weight, takes, gives):
    assert shape_after(nir.Linear(np.ones(weight)), takes) == gives
    assert shape_after(nir.Affine(np.ones(weight), np.zeros(weight[-2])), takes) == gives


@pytest.mark.parametrize("own", [(), (1,), (4,), (3, 1), (3, 4), (1, 1, 1)])
def test_parameters_broadcast_to_the_input_but_never_enlarge_it(own):
    nodes = [nir.Scale(np.ones(own)), nir.Threshold(np.ones(own)), nir.Delay(np.ones(own))]
    one = np.ones(own)
    nodes += [nir.I(one), nir.LIF(one, one, one, one, one)]
    for node in nodes:
        if len(own) <= 2:
            assert shape_after(node, (3, 4)) == (3, 4)
        else:
            with pytest.raises(nirx.GraphError):
                shape_after(node, (3, 4))


def test_parameters_of_different_shapes_broadcast_together():
    one = np.ones(1)
    node = changed(nir.LI(one, one, one), tau=np.full((), 2.0), r=np.ones((3, 1)))
    assert shape_after(node, (3, 4)) == (3, 4)


BAD: dict[str, tuple[Any, Shape]] = {
    "kernel larger than the input": (conv2d((1, 2, 9, 1)), (2, 5, 5)),
    "wrong channels": (conv2d((1, 3, 1, 1)), (2, 5, 5)),
    "wrong groups": (conv2d((4, 1, 1, 1), groups=3), (3, 5, 5)),
    "no groups": (conv2d((4, 1, 1, 1), groups=0), (1, 5, 5)),
    "same with stride": (conv2d((1, 2, 3, 3), stride=2, padding="same"), (2, 5, 5)),
    "same with one stride": (conv2d((1, 2, 3, 3), stride=(1, 2), padding="same"), (2, 5, 5)),
    "stride zero": (conv2d((1, 2, 3, 3), stride=0), (2, 5, 5)),
    "negative padding": (conv2d((1, 2, 3, 3), padding=-1), (2, 5, 5)),
    "padding beyond any memory": (conv2d((1, 2, 3, 3), stride=2**20, padding=2**20), (2, 5, 5)),
    "pool beyond any memory": (nir.SumPool2d(2, 2**20, 2**20), (1, 4, 4)),
    "half a stride": (conv2d((1, 2, 3, 3), stride=1.5), (2, 5, 5)),
    "three strides": (conv2d((1, 2, 3, 3), stride=(1, 1, 1)), (2, 5, 5)),
    "conv of a vector": (conv2d((1, 2, 3, 3)), (2,)),
    "pool of an image without channels": (nir.SumPool2d(2, 2, 0), (4, 4)),
    "pool larger than the input": (nir.AvgPool2d(5, 1, 0), (1, 4, 4)),
    "pool without stride": (nir.AvgPool2d(2, None, 0), (1, 4, 4)),
    "flatten beyond": (nir.Flatten({"input": None}, 0, 3), (2, 3)),
    "flatten backwards": (nir.Flatten({"input": None}, 1, 0), (2, 3)),
    "linear of an image": (nir.Linear(np.ones((4, 6))), (2, 3)),
    "linear without rows": (changed(nir.Linear(np.ones((3, 3))), weight=np.ones(3)), (3,)),
    "bias of another length": (
        changed(nir.Affine(np.ones((4, 3)), np.ones(4)), bias=np.ones(3)),
        (3,),
    ),
    "an input_type without the axis": (nir.Flatten({"input": np.array([6])}, 1, -1), (2, 3)),
    "an input_type without axes": (nir.Flatten({"input": np.array([])}, 1, -1), (2, 3)),
    "another input_type": (nir.Flatten({"input": np.array([6])}, 0, -1), (2, 3)),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_wrong_shape_is_one_fault_of_the_node(name):
    with pytest.raises(nirx.GraphError) as caught:
        shape_after(*BAD[name])
    assert [f.where for f in caught.value.faults] == ["n"]


def test_padding_same_with_a_stride_is_refused_by_name():
    with pytest.raises(nirx.GraphError, match="'same' with stride"):
        shape_after(*BAD["same with stride"])


def test_shapes_propagate_around_a_cycle_that_no_input_reaches():
    edges = [("input", "output"), *line("a", "b", "a"), ("b", "output")]
    graph = make_graph(edges, 3, a=nir.Scale(np.array(2.0)), b=lif(3))
    assert nirx.schedule(graph, D).shapes["a"] == ((3,),) * 2


def test_a_cycle_of_unknown_shape_is_one_fault():
    graph = make_graph([("input", "output"), ("a", "a")], 3, a=nir.I(np.array(1.0)))
    with pytest.raises(nirx.GraphError, match="a: its shape cannot be inferred") as caught:
        nirx.schedule(graph, D)
    assert len(caught.value.faults) == 1
