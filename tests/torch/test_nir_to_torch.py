"""nir_to_torch: nodes, graphs and files as torch modules, by maps of one's own."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportIndexIssue=false, reportOptionalSubscript=false
# pyright: reportOperatorIssue=false, reportOptionalMemberAccess=false

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import nir
import numpy as np
import pytest
import torch
from torch import nn

import nirx
from nirx.graphs.metadata import DISCRETIZATION_KEY, MODULE_KEY
from nirx_torch import NODE_MAP, NativeNode, nir_to_torch

RULE = nirx.Discretization(dt=1e-3)


def chain(nodes: dict[str, Any], takes: Any = 2, gives: Any = 2) -> nir.NIRGraph:
    ports = np.atleast_1d(takes), np.atleast_1d(gives)
    every = {"input": nir.Input(ports[0]), **nodes, "output": nir.Output(ports[1])}
    return nir.NIRGraph(every, list(pairwise(every)), type_check=False)


def scale(*factors: float) -> nir.Scale:
    return nir.Scale(np.array(factors, np.float32))


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
def test_layers_are_torchs_own_classes(name, kind):
    node, takes, gives = LEAVES[name]
    for module in (nir_to_torch(node), nir_to_torch(chain({"n": node}, takes, gives)).n):
        assert isinstance(module, kind)
        assert isinstance(module, NativeNode)
        assert name in repr(module)


def test_layers_tell_their_sizes():
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


def test_a_leaf_that_needs_dt_warns_and_one_that_does_not_is_quiet():
    with pytest.warns(nirx.NirxWarning, match="no discretization given"):
        nir_to_torch(LEAVES["LIF"][0])
    assert nir_to_torch(LEAVES["Scale"][0]) is not None


# -- maps -----------------------------------------------------------------------------------


class Double(nn.Module):
    def forward(self, x):
        return 2 * x


class MyScale(nir.Scale):
    """A subclass of a NIR type."""


def test_the_users_map_wins_for_graphs_and_leaves():
    mine = {nir.Scale: lambda node: Double()}
    assert isinstance(nir_to_torch(scale(5, 5), mine), Double)
    net = nir_to_torch(chain({"s": scale(5, 5)}), mine)
    assert net(torch.ones(2))[0].tolist() == [2.0, 2.0]


def test_a_subclass_of_a_mapped_type_is_mapped():
    node = MyScale(np.full(2, 5, np.float32))
    assert nir_to_torch(chain({"s": node}))(torch.ones(2))[0].tolist() == [5.0, 5.0]
    mine = {nir.Scale: lambda node: Double()}
    assert nir_to_torch(chain({"s": node}), mine)(torch.ones(2))[0].tolist() == [2.0, 2.0]
    nearest = {nir.Scale: lambda node: nn.Identity(), MyScale: lambda node: Double()}
    assert nir_to_torch(chain({"s": node}), nearest)(torch.ones(2))[0].tolist() == [2.0, 2.0]


def test_none_bypasses():
    net = nir_to_torch(chain({"s": scale(5, 5), "t": scale(3, 3)}), {nir.Scale: None})
    assert net(torch.ones(2))[0].tolist() == [1.0, 1.0]
    assert isinstance(nir_to_torch(scale(5, 5), {nir.Scale: None}), nn.Identity)


@pytest.mark.parametrize("nothing", [{}, None])
def test_a_type_that_no_map_has_is_refused(nothing):
    for node in (scale(5, 5), chain({"s": scale(5, 5)})):
        with pytest.raises(ValueError, match="has an entry for Scale") as caught:
            nir_to_torch(node, {nir.LIF: None}, default_map=nothing)
        assert isinstance(caught.value, nirx.GraphError)


def test_a_default_map_of_ones_own():
    own = NODE_MAP.copy()
    own.override(nir.Scale, lambda node: Double())
    assert nir_to_torch(chain({"s": scale(5, 5)}), default_map=own)(torch.ones(2))[0][0] == 2
    only = {nir.Scale: lambda node: Double()}
    assert nir_to_torch(chain({"s": scale(5, 5)}), default_map=only)(torch.ones(2))[0][0] == 2
    assert nir_to_torch(chain({"s": scale(5, 5)}))(torch.ones(2))[0][0] == 5


def test_a_map_may_claim_whole_subgraphs():
    seen = []

    def claim(node):
        seen.append(sorted(node.nodes))
        return Double()

    graph = chain({"sub": chain({"deep": scale(7, 7)}), "s": scale(3, 3)})
    net = nir_to_torch(graph, {nir.NIRGraph: claim})
    assert net(torch.ones(2))[0].tolist() == [6.0, 6.0]
    assert seen == [["deep", "input", "output"]]


def test_a_builder_may_not_change_the_graph():
    def spoil(node):
        node.scale[:] = 9
        return Double()

    graph = chain({"s": scale(5, 5)})
    nir_to_torch(graph, {nir.Scale: spoil})
    nir_to_torch(graph.nodes["s"], {nir.Scale: spoil})
    assert graph.nodes["s"].scale.tolist() == [5.0, 5.0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([nir.Scale], "node_map is"),
        ({"Scale": None}, "node_map is"),
        ({nir.Scale: 3}, "node_map is"),
    ],
)
def test_a_map_that_is_none_is_refused(given, message):
    for node in (scale(5, 5), chain({"s": scale(5, 5)})):
        with pytest.raises(nirx.InputError, match=message):
            nir_to_torch(node, given)


def test_a_builder_that_gives_no_module_is_refused():
    for node in (scale(5, 5), chain({"s": scale(5, 5)})):
        with pytest.raises(
            nirx.InputError, match=r"node_map returned a int; expected a torch.nn.Module"
        ):
            nir_to_torch(node, {nir.Scale: lambda node: 3})


@pytest.mark.parametrize("wrong", [3, None, [scale(1, 1)], nn.Linear(1, 1), {"a": 1}])
def test_what_is_no_NIR_is_refused(wrong):
    with pytest.raises(nirx.InputError, match="expected a NIR graph, a node or a path"):
        nir_to_torch(wrong)


def test_maps_may_be_used_any_number_of_times():
    mine = {nir.Scale: lambda node: Double()}
    graph = chain({"s": scale(5, 5)})
    nets = [nir_to_torch(graph, mine) for _ in range(3)]
    assert len({id(net.s) for net in nets}) == 3
    assert set(mine) == {nir.Scale}


# -- files, devices, dtypes --------------------------------------------------------------------


def test_paths_and_strings(tmp_path):
    path = tmp_path / "some graph.nir"
    nirx.write(path, chain({"s": scale(5, 5)}))
    for given in (path, str(path)):
        assert nir_to_torch(given)(torch.ones(2))[0].tolist() == [5.0, 5.0]
    with pytest.raises(nirx.FileError, match="nowhere"):
        nir_to_torch(str(tmp_path / "nowhere.nir"))


KINDS = [torch.float32, torch.float64, torch.bfloat16, torch.float16]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_dtypes(kind):
    for dtype in (kind, str(kind).removeprefix("torch.")):
        leaf = nir_to_torch(scale(5, 5), dtype=dtype)
        net = nir_to_torch(
            chain({"s": scale(5, 5), "n": nir.LI(four()[:2], four()[:2], four()[:2])}),
            dtype=dtype,
            discretization=RULE,
        )
        assert leaf.scale.dtype is net.s.scale.dtype is kind
        y, state = net(torch.ones(2, dtype=kind))
        assert y.dtype is state["n"]["v"].dtype is kind


def test_a_dtype_that_is_none_is_refused():
    for node in (scale(5, 5), chain({"s": scale(5, 5)})):
        with pytest.raises(nirx.UnsupportedError, match="int32"):
            nir_to_torch(node, dtype=torch.int32)


def test_the_meta_device():
    assert nir_to_torch(scale(5, 5), device="meta").scale.device.type == "meta"
    net = nir_to_torch(chain({"s": scale(5, 5)}), {nir.Threshold: None}, device="meta")
    assert net(torch.ones(3, 2, device="meta"))[0].shape == (3, 2)


def test_a_users_module_goes_to_the_device_and_dtype_too():
    net = nir_to_torch(
        chain({"s": scale(5, 5)}),
        {nir.Scale: lambda n: nn.Linear(2, 2)},
        device="meta",
        dtype="float64",
    )
    assert (net.s.weight.device.type, net.s.weight.dtype) == ("meta", torch.float64)


def test_a_graph_of_users_modules_takes_any_dtype():
    mine = {nir.Scale: lambda node: Double()}
    net = nir_to_torch(chain({"s": scale(5, 5)}), mine)
    for kind in KINDS:
        assert net(torch.ones(2, dtype=kind))[0].dtype is kind
    mixed = nir_to_torch(chain({"s": scale(5, 5), "a": nir.Linear(np.eye(2))}), mine)
    fixed = nir_to_torch(chain({"s": scale(5, 5)}), mine, dtype="float32")
    for other in (mixed, fixed):
        with pytest.raises(nirx.InputError, match="float64"):
            other(torch.ones(2, dtype=torch.float64))


# -- names ----------------------------------------------------------------------------------


def test_names_of_children():
    factors = {"some.name": 2, "some_name": 3, "if": 5, "forward": 7, "0": 11, "a-b": 13}
    graph = chain({name: scale(f, f) for name, f in factors.items()})
    net = nir_to_torch(graph)
    assert net(torch.ones(2))[0][0].item() == np.prod(list(factors.values()))
    assert net.some_name.scale[0] == 3
    children = {name: int(child.scale[0]) for name, child in net.named_children()}
    assert sorted(children.values()) == sorted(factors.values())
    assert children["nir_node_if"] == 5
    assert children["0"] == 11
    alone = nir_to_torch(chain({"some.name": scale(2, 2)}))
    assert alone.some_name.scale[0] == 2


# -- hidden state ----------------------------------------------------------------------------


class InBuffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("v", torch.zeros(2))

    def forward(self, x):
        self.v = self.v + x
        return self.v


class InBufferInPlace(InBuffer):
    def forward(self, x):
        self.v.add_(x.sum(0))
        return self.v + x


class InAttribute(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = torch.zeros(2)

    def forward(self, x):
        self.last = self.last * 0.5 + x
        return self.last


class FromNone(nn.Module):
    def __init__(self):
        super().__init__()
        self.last: Any = None

    def forward(self, x):
        self.last = x if self.last is None else self.last + x
        return self.last


class Within(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = InBuffer()

    def forward(self, x):
        return self.inner(x)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (InBuffer, "v"),
        (InBufferInPlace, "v"),
        (InAttribute, "last"),
        (FromNone, "last"),
        (Within, "inner.v"),
        (lambda: nn.BatchNorm1d(2), "running_mean"),
        (lambda: nn.Sequential(nn.BatchNorm1d(2)), "0.running_var"),
    ],
)
def test_hidden_state_is_refused_by_name(make, name):
    net = nir_to_torch(chain({"s": scale(5, 5)}), {nir.Scale: lambda node: make()})
    with pytest.raises(nirx.UnsupportedError, match=rf"'s'.*keeps state in itself.*'{name}'"):
        net.run(torch.rand(3, 4, 2))


class Cached(nn.Module):
    """Computes a constant once; writes the same value anew in each call."""

    def __init__(self):
        super().__init__()
        self.table: Any = None
        self.same = torch.zeros(2)

    def forward(self, x):
        if self.table is None:
            self.table = torch.arange(2.0)
        self.same = torch.zeros(2)
        return x + self.table + self.same


@pytest.mark.parametrize(
    "make",
    [
        Cached,
        Double,
        lambda: nn.BatchNorm1d(2).eval(),
        lambda: nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)),
        lambda: nn.Dropout(0.5),
    ],
)
def test_what_is_no_hidden_state_runs(make):
    torch.manual_seed(0)
    net = nir_to_torch(chain({"s": scale(5, 5)}), {nir.Scale: lambda node: make()})
    for _ in range(5):
        assert net(torch.rand(4, 2))[0].shape == (4, 2)


class WithState(nn.Module):
    def forward(self, x, state=None):
        total = x if state is None else state[0] + x
        return total, (total, [x])


def test_a_users_state_stands_under_its_name():
    net = nir_to_torch(chain({"s": scale(5, 5)}), {nir.Scale: lambda node: WithState()})
    _, state = net(torch.ones(2))
    y, state = net(torch.ones(2), state)
    assert y.tolist() == [2.0, 2.0]
    assert isinstance(state["s"], tuple)
    assert torch.equal(state["s"][0], y)
    assert torch.equal(state["s"][1][0], torch.ones(2))


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


def test_neurons_of_one_module_keep_states_of_their_own():
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
