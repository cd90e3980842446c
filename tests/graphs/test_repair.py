"""`nirx.repair`: flattened subgraphs, names that no node has, neurons without a leak."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

import nirx
from support.graphs import affine, chain, changed, lif, line, make_graph, neuron

D = nirx.Discretization(dt=1.0)


def port(kind: type, *shape: int) -> Any:
    return kind(np.array(shape))


def recurrent_pair() -> nir.NIRGraph:
    """A LIF with a feedback weight."""
    edges = [*line("input", "lif", "w", "lif"), ("lif", "output")]
    return make_graph(edges, 2, lif=lif(2), w=affine(2, 2, 0.1))


def nested(outer: tuple[str, str] = ("l1", "l1")) -> nir.NIRGraph:
    edges = [("input", "fc"), ("fc", outer[0]), (outer[1], "fc2"), ("fc2", "output")]
    return make_graph(edges, 2, fc=affine(2, 2), fc2=affine(2, 2, 0.5), l1=recurrent_pair())


def flattened(outer: tuple[str, str] = ("l1", "l1")) -> nir.NIRGraph:
    """`nested` with the nodes of "l1" beside the others."""
    graph = nested(outer)
    below: Any = graph.nodes.pop("l1")
    graph.nodes |= {f"l1.{name}": node for name, node in below.nodes.items()}
    graph.edges += [(f"l1.{a}", f"l1.{b}") for a, b in below.edges]
    return graph


@pytest.mark.parametrize(
    "outer", [("l1", "l1"), ("l1.input", "l1.output"), ("l1.input", "l1"), ("l1", "l1.output")]
)
def test_a_flattened_subgraph_is_a_subgraph_again(outer):
    graph = flattened(outer)
    with pytest.raises(nirx.GraphError):
        nirx.check(graph, D)
    mended, changes = nirx.repair(graph)
    assert [change.where for change in changes] == ["l1"]
    assert nirx.same_graph(mended, nested())
    flat = nirx.schedule(mended, D)
    sources = {n.name: [flat.nodes[s.position].name for s in n.sources] for n in flat.nodes}
    assert sources["l1/input"] == ["fc"]
    assert sources["fc2"] == ["l1/output"]


def test_a_flattened_subgraph_is_named_and_no_other_layer_suggested():
    graph = flattened()
    graph.nodes["l2"] = lif(2)
    with pytest.raises(nirx.GraphError) as caught:
        nirx.check(graph, D)
    text = str(caught.value)
    assert "'l1' is a subgraph that was flattened into 'l1.input', 'l1.lif'" in text
    assert 'declared="repair"' in text
    assert "did you mean" not in text


def test_a_flattened_subgraph_inside_another_one():
    graph = flattened()
    inner = {name: node for name, node in graph.nodes.items() if name.startswith("l1.")}
    for name in inner:
        graph.nodes[f"net.{name}"] = graph.nodes.pop(name)
    for name in ("fc", "fc2"):
        graph.nodes[f"net.{name}"] = graph.nodes.pop(name)
    edges = [(f"net.{a}", f"net.{b}") for a, b in graph.edges if {a, b}.isdisjoint(graph.nodes)]
    graph.nodes |= {"net.input": port(nir.Input, 2), "net.output": port(nir.Output, 2)}
    graph.edges = [
        *edges,
        ("net.input", "net.fc"),
        ("net.fc2", "net.output"),
        *line("input", "net", "output"),
    ]
    mended, changes = nirx.repair(graph)
    assert sorted(change.where for change in changes) == ["net", "net.l1"]
    nirx.check(mended, D)
    assert isinstance(mended.nodes["net"].nodes["l1"].nodes["lif"], nir.LIF)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda g: g.edges.append(("fc", "l1.w")),  # an edge past the ports
        lambda g: g.nodes.pop("l1.output"),
        lambda g: g.nodes.update({"l1.more": port(nir.Input, 2)}),
    ],
)
def test_a_flattened_subgraph_is_left_alone_if_its_ports_are_not_certain(spoil):
    graph = flattened()
    spoil(graph)
    mended, changes = nirx.repair(graph)
    assert changes == ()
    with pytest.raises(nirx.GraphError, match="'l1'"):
        nirx.check(mended, D)


def test_dots_in_names_are_no_fault():
    graph = chain({"a.b": lif(), "a.c": lif()})
    assert nirx.repair(graph)[1] == ()


def renamed() -> nir.NIRGraph:
    return make_graph(line("input", "lif", "fc", "output"), lif1=lif(), fc=affine(2, 2))


def test_the_only_name_without_a_node_is_the_only_node_without_a_name():
    with pytest.raises(nirx.GraphError, match="no node 'lif'; did you mean 'lif1'"):
        nirx.check(renamed(), D)
    mended, changes = nirx.repair(renamed())
    assert [change.where for change in changes] == ["lif1"]
    assert sorted(mended.edges) == sorted(line("input", "lif1", "fc", "output"))


def test_two_candidates_for_a_name_are_none():
    graph = renamed()
    graph.nodes["lif2"] = lif()
    assert nirx.repair(graph)[1] == ()


# -- no leak --------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "target"), [(nir.LI, nir.I), (nir.LIF, nir.IF)])
def test_an_infinite_time_constant_is_an_integrator(kind, target):
    node = neuron(kind, 3, tau=np.inf, r=np.array([1.0, 2.0, 3.0]), metadata={"note": "x"})
    graph = chain({"n": node}, 3)
    with pytest.raises(nirx.GraphError) as caught:
        nirx.check(graph, D)
    (fault,) = caught.value.faults
    assert (fault.where, "tau is inf: a membrane without a leak" in fault.found) == ("n", True)
    assert 'declared="repair"' in fault.mend
    mended, changes = nirx.repair(graph)
    nirx.check(mended, D)
    assert type(mended.nodes["n"]) is target
    assert mended.nodes["n"].metadata == {"note": "x"}
    assert "r = r / tau = 0" in str(changes[0])


@pytest.mark.filterwarnings("ignore:'n0'. dt=1 is below:nirx.NirxWarning")
def test_the_integrator_computes_what_nirs_equation_gives_as_tau_grows():
    # dv/dt = (v_leak - v)/tau + (r/tau) x: the larger tau, the smaller every step.
    leaky = chain([neuron(nir.LI, 2, tau=1e30)])
    ideal, _ = nirx.repair(chain([neuron(nir.LI, 2, tau=np.inf)]))
    xs = np.random.default_rng(0).random((50, 1, 2))
    (a, b) = (nirx.from_nir(g, "numpy", D, "float64").run(xs)[0] for g in (leaky, ideal))
    assert np.allclose(a, b, atol=1e-25)


NOT_CERTAIN = {
    "r / tau": chain([lif(2, tau=np.inf, r=np.inf)]),
    "1 of 2 neurons": chain([lif(2, tau=np.array([np.inf, 1.0]))]),
    "v_leak": chain([lif(2, tau=np.inf, v_leak=0.5)]),
    "current-based": chain([neuron(nir.CubaLIF, 2, tau_mem=np.inf)]),
    "never decays": chain([neuron(nir.CubaLI, 2, tau_syn=np.inf)]),
}


@pytest.mark.parametrize("words", NOT_CERTAIN)
def test_an_integrator_that_is_not_certain_is_refused_with_the_reason(words):
    mended, changes = nirx.repair(NOT_CERTAIN[words])
    assert changes == ()
    with pytest.raises(nirx.GraphError, match=words) as caught:
        nirx.check(mended, D)
    assert len(caught.value.faults) == 1


# -- what is no graph -----------------------------------------------------------------------


@pytest.mark.parametrize("what", [None, 3, "g.nir"])
def test_anything_but_a_graph_is_an_input_error(what):
    with pytest.raises(nirx.InputError, match=r"nir\.NIRGraph"):
        nirx.repair(what)


def test_a_graph_that_cannot_be_copied_is_a_graph_error():
    itself = chain([lif()])
    itself.nodes["n0"] = itself
    odd = changed(chain([lif()]), edges=[("input",)])
    unnamed = chain([lif()])
    unnamed.nodes[""] = lif()
    listed = changed(chain([lif()]), nodes=[lif()])
    bare = chain([lif()])
    bare.nodes["input"].input_type = None
    for bad in (itself, odd, unnamed, listed, bare):
        with pytest.raises(nirx.GraphError):
            nirx.repair(bad)


def test_other_faults_stay_for_check():
    graph = chain({"fc": affine(7, 12), "bad": 3}, (2, 12), 7)
    mended, _ = nirx.repair(graph)
    with pytest.raises(nirx.GraphError, match="unknown node type int"):
        nirx.check(mended, D)


def test_a_lone_node_is_repaired_as_a_graph():
    mended, changes = nirx.repair(neuron(nir.LI, 3, tau=np.inf))
    assert type(mended.nodes["li"]) is nir.I
    assert [change.where for change in changes] == ["li"]
