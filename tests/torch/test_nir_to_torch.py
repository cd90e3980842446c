"""nir_to_torch: nodes, graphs and files as torch modules; names, dtypes and shared modules."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportIndexIssue=false, reportOptionalSubscript=false
# pyright: reportOperatorIssue=false, reportOptionalMemberAccess=false

from __future__ import annotations

import copy
from typing import Any

import nir
import numpy as np
import pytest
import torch
from torch import nn

import nirx
from nirx.graphs.metadata import DISCRETIZATION_KEY, MODULE_KEY
from nirx_torch import NODE_MAP, NativeNode, nir_to_torch
from support.graphs import chain

RULE = nirx.Discretization(dt=1e-3)


class Double(nn.Module):
    def forward(self, x):
        return 2 * x


def scale(factor: float = 5.0) -> nir.Scale:
    return nir.Scale(np.full(2, factor, np.float32))


def four(low: float = 0.1, high: float = 0.9) -> np.ndarray:
    return np.linspace(low, high, 4)


TAU = 4e-3, 8e-3
W1 = np.linspace(-1, 1, 4 * 2 * 3).reshape(4, 2, 3)
W2 = np.linspace(-1, 1, 4 * 2 * 9).reshape(4, 2, 3, 3)

LEAVES: dict[str, tuple[Any, tuple[int, ...], tuple[int, ...]]] = {
    "Input": (nir.Input(np.array([4])), (4,), (4,)),
    "Output": (nir.Output(np.array([4])), (4,), (4,)),
    "Affine": (nir.Affine(np.arange(12.0).reshape(3, 4), four()[:3]), (4,), (3,)),
    "Linear": (nir.Linear(np.arange(12.0).reshape(3, 4)), (4,), (3,)),
    "Scale": (nir.Scale(four(-2, 2)), (4,), (4,)),
    "Threshold": (nir.Threshold(four()), (4,), (4,)),
    "Delay": (nir.Delay(1e-3 * np.array([0, 1, 2, 5])), (4,), (4,)),
    "Flatten": (nir.Flatten({"input": np.array([2, 3, 4])}, 0, -1), (2, 3, 4), (24,)),
    "SumPool2d": (
        nir.SumPool2d(np.array([2, 2]), np.array([1, 2]), np.array([1, 0])),
        (2, 5, 6),
        (2, 6, 3),
    ),
    "AvgPool2d": (nir.AvgPool2d(2, 2, 0), (2, 4, 6), (2, 2, 3)),
    "Conv1d": (nir.Conv1d(8, W1, 1, 1, 1, 1, four()), (2, 8), (4, 8)),
    "Conv2d": (nir.Conv2d((6, 5), W2, 1, 0, 1, 1, four()), (2, 6, 5), (4, 4, 3)),
    "I": (nir.I(four()), (4,), (4,)),
    "IF": (nir.IF(four(100, 200), four(), np.zeros(4)), (4,), (4,)),
    "LI": (nir.LI(four(*TAU), four(), four()), (4,), (4,)),
    "LIF": (nir.LIF(four(*TAU), four(2, 4), four(0, 0.1), four(), four(-0.1, 0)), (4,), (4,)),
    "CubaLI": (nir.CubaLI(four(*TAU), four(*TAU), four(), four(), four()), (4,), (4,)),
    "CubaLIF": (
        nir.CubaLIF(
            four(*TAU), four(*TAU), four(4, 9), four(0, 0.1), four(), np.zeros(4), four(2, 4)
        ),
        (4,),
        (4,),
    ),
}
NEURONS = ("Delay", "I", "IF", "LI", "LIF", "CubaLI", "CubaLIF")


def test_the_leaves_are_all_18_types():
    assert {type(node) for node, _, _ in LEAVES.values()} == set(NODE_MAP)


@pytest.mark.parametrize("name", LEAVES)
def test_a_leaf_alone_steps_as_in_a_network(name):
    node, takes, gives = LEAVES[name]
    leaf = nir_to_torch(node, dtype="float64", discretization=RULE)
    inner = {} if name in ("Input", "Output") else {"n": node}
    net = nir_to_torch(chain(inner, takes, gives), dtype="float64", discretization=RULE)
    generator = torch.Generator().manual_seed(3)
    xs = torch.rand((12, 3, *takes), generator=generator, dtype=torch.float64) * 3 - 0.5
    own = state = None
    total = 0.0
    for x in xs:
        if name in NEURONS:
            y, own = leaf(x, own)
        else:
            y = leaf(x)
        expected, state = net(x, state)
        assert y.shape == (3, *gives)
        assert torch.equal(y, expected)
        total += y.abs().sum().item()
    assert total > 0
    if name in NEURONS:
        assert {k: v.shape for k, v in own.items()} == {k: v.shape for k, v in state["n"].items()}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Affine", nn.Linear),
        ("Linear", nn.Linear),
        ("Conv1d", nn.Conv1d),
        ("Conv2d", nn.Conv2d),
        ("SumPool2d", nn.LPPool2d),
        ("AvgPool2d", nn.AvgPool2d),
        ("Flatten", nn.Flatten),
    ],
)
def test_layers_are_instances_of_torchs_classes(name, kind):
    node, takes, gives = LEAVES[name]
    for module in (nir_to_torch(node), nir_to_torch(chain({"n": node}, takes, gives)).n):
        assert isinstance(module, kind)
        assert isinstance(module, NativeNode)
        assert name in repr(module)


def test_layers_know_their_sizes():
    conv = nir_to_torch(LEAVES["Conv2d"][0])
    sizes = conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding
    assert sizes == (2, 4, (3, 3), (1, 1), (0, 0))
    linear = nir_to_torch(LEAVES["Affine"][0])
    assert (linear.in_features, linear.out_features) == (4, 3)
    pool = nir_to_torch(LEAVES["SumPool2d"][0])
    assert (pool.kernel_size, pool.stride, pool.padding, pool.norm_type) == (
        (2, 2),
        (1, 2),
        (1, 0),
        1,
    )


def test_a_leaf_keeps_its_own_dtype_and_copies_its_arrays():
    weight = np.eye(2, dtype=np.float64)
    leaf = nir_to_torch(nir.Linear(weight))
    assert leaf.weight.dtype is torch.float64
    assert nir_to_torch(nir.Linear(weight.astype(np.float32))).weight.dtype is torch.float32
    with torch.no_grad():
        leaf.weight.fill_(5)
    assert weight.tolist() == [[1, 0], [0, 1]]


def test_a_leaf_refuses_what_does_not_fit():
    leaf = nir_to_torch(nir.Linear(np.eye(2, dtype=np.float32)))
    with pytest.raises(nirx.InputError, match=r"Linear.*shape"):
        leaf(torch.ones(3))
    lif = nir_to_torch(LEAVES["LIF"][0], discretization=RULE)
    with pytest.raises(nirx.InputError, match="state of LIF"):
        lif(torch.ones(4, dtype=torch.float64), {"w": torch.ones(4)})


def test_only_a_leaf_that_needs_dt_warns():
    with pytest.warns(nirx.NirxWarning, match="no discretization given"):
        nir_to_torch(LEAVES["LIF"][0])
    assert nir_to_torch(LEAVES["Scale"][0]) is not None


# -- files, devices, dtypes --------------------------------------------------------------------


def test_paths_and_strings(tmp_path):
    path = tmp_path / "some graph.nir"
    nirx.write(path, chain({"s": scale()}))
    for given in (path, str(path)):
        assert nir_to_torch(given)(torch.ones(2))[0].tolist() == [5.0, 5.0]
    with pytest.raises(nirx.FileError, match="nowhere"):
        nir_to_torch(str(tmp_path / "nowhere.nir"))


KINDS = [torch.float32, torch.float64, torch.bfloat16, torch.float16]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_dtypes(kind):
    for dtype in (kind, str(kind).removeprefix("torch.")):
        leaf = nir_to_torch(scale(), dtype=dtype)
        net = nir_to_torch(
            chain({"s": scale(), "n": nir.LI(four()[:2], four()[:2], four()[:2])}),
            dtype=dtype,
            discretization=RULE,
        )
        assert leaf.scale.dtype is net.s.scale.dtype is kind
        y, state = net(torch.ones(2, dtype=kind))
        assert y.dtype is state["n"]["v"].dtype is kind


def test_anything_but_a_float_dtype_is_refused():
    for node in (scale(), chain({"s": scale()})):
        with pytest.raises(nirx.UnsupportedError, match="int32"):
            nir_to_torch(node, dtype=torch.int32)


def test_the_meta_device():
    assert nir_to_torch(scale(), device="meta").scale.device.type == "meta"
    net = nir_to_torch(chain({"s": scale()}), {nir.Threshold: None}, device="meta")
    assert net(torch.ones(3, 2, device="meta"))[0].shape == (3, 2)


def test_a_users_module_goes_to_the_device_and_dtype_too():
    net = nir_to_torch(
        chain({"s": scale()}),
        {nir.Scale: lambda n: nn.Linear(2, 2)},
        device="meta",
        dtype="float64",
    )
    assert (net.s.weight.device.type, net.s.weight.dtype) == ("meta", torch.float64)


def test_a_graph_of_users_modules_takes_any_dtype():
    mine = {nir.Scale: lambda node: Double()}
    net = nir_to_torch(chain({"s": scale()}), mine)
    for kind in KINDS:
        assert net(torch.ones(2, dtype=kind))[0].dtype is kind
    mixed = nir_to_torch(chain({"s": scale(), "a": nir.Linear(np.eye(2))}), mine)
    fixed = nir_to_torch(chain({"s": scale()}), mine, dtype="float32")
    for other in (mixed, fixed):
        with pytest.raises(nirx.InputError, match="float64"):
            other(torch.ones(2, dtype=torch.float64))


# -- names ----------------------------------------------------------------------------------


def test_names_of_children():
    factors = {"some.name": 2, "some_name": 3, "if": 5, "forward": 7, "0": 11, "a-b": 13}
    graph = chain({name: scale(f) for name, f in factors.items()})
    net = nir_to_torch(graph)
    assert net(torch.ones(2))[0][0].item() == np.prod(list(factors.values()))
    assert net.some_name.scale[0] == 3
    children = {name: int(child.scale[0]) for name, child in net.named_children()}
    assert sorted(children.values()) == sorted(factors.values())
    assert children["nir_node_if"] == 5
    assert children["0"] == 11
    alone = nir_to_torch(chain({"some.name": scale(2)}))
    assert alone.some_name.scale[0] == 2


# -- shared modules ---------------------------------------------------------------------------


def shared(second: nir.NIRNode | None = None, key: Any = "net.fc") -> nir.NIRGraph:
    one = nir.Linear(np.array([[0.0, 2.0], [1.0, 0.0]]), metadata={MODULE_KEY: key})
    other = copy.deepcopy(one) if second is None else second
    return chain({"a": one, "b": other})


def test_nodes_of_one_module_share_it_again():
    net = nir_to_torch(shared(), dtype="float64")
    assert net.a is net.b
    assert len(list(net.parameters())) == 1
    x = torch.ones(2, dtype=torch.float64)
    net(x)[0].sum().backward()
    assert net.a.weight.grad.tolist() != nir_to_torch(shared(), dtype="float64").a.weight.tolist()
    with torch.no_grad():
        net.a.weight.mul_(3)
    assert net(x)[0].tolist() == [18.0, 18.0]
    built = []
    make = {nir.Linear: lambda node: built.append(node) or Double()}
    mine = nir_to_torch(shared(), make)
    assert mine.a is mine.b
    assert len(built) == 1


def test_nodes_of_one_module_that_differ_now_are_separate_with_a_warning():
    other = nir.Linear(np.eye(2), metadata={MODULE_KEY: "net.fc"})
    with pytest.warns(nirx.NirxWarning, match="'a' and 'b' came from one module 'net.fc'"):
        net = nir_to_torch(shared(other))
    assert net.a is not net.b
    assert len(list(net.parameters())) == 2


@pytest.mark.parametrize("metadata", [{}, {MODULE_KEY: "net.other"}, {MODULE_KEY: 3}])
def test_nodes_of_other_modules_are_separate(metadata):
    graph = shared()
    graph.nodes["b"].metadata = metadata
    net = nir_to_torch(graph)
    assert net.a is not net.b


def test_neurons_of_one_module_keep_separate_states():
    node = LEAVES["LI"][0]
    one = nir.LI(node.tau, node.r, node.v_leak, metadata={MODULE_KEY: "n"})
    graph = chain({"a": one, "b": copy.deepcopy(one)}, 4, 4)
    net = nir_to_torch(graph, dtype="float64", discretization=RULE)
    plain = copy.deepcopy(graph)
    plain.nodes["a"].metadata = {}
    xs = torch.rand((9, 4), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = nir_to_torch(plain, dtype="float64", discretization=RULE).run(xs)
    assert net.a is net.b
    assert torch.equal(net.run(xs)[0], expected[0])
    assert not torch.equal(expected[1]["a"]["v"], expected[1]["b"]["v"])


def test_the_discretization_of_the_metadata_is_taken_without_a_warning():
    graph = chain({"n": LEAVES["LI"][0]}, 4, 4)
    graph.metadata[DISCRETIZATION_KEY] = RULE.to_json()
    assert nir_to_torch(graph).schedule.discretization == RULE
