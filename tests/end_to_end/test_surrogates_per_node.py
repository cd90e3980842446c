"""Every node has its own surrogate, on torch, in fused kernels and on JAX alike."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportOptionalSubscript=false

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_jax
import nirx_torch
from nirx import surrogates
from nirx.execution.kernels.printing import print_expression
from nirx.execution.kernels.surrogate import trace_surrogate
from nirx.graphs.metadata import SURROGATE_KEY
from support.graphs import affine, chain, lif, line, make_graph, neuron
from support.kernels import looped, pair

ALL = {
    "superspike": surrogates.superspike(),
    "fast": surrogates.fast_sigmoid(3, 0.5),
    "arctan": surrogates.arctan(3),
    "triangular": surrogates.triangular(0.7, 2),
    "sigmoid": surrogates.sigmoid(5),
    "gaussian": surrogates.gaussian(0.4, center=0.1),
    "multi": surrogates.multi_gaussian(),
    "exponential": surrogates.exponential(4, 1.5, 0.2),
    "straight": surrogates.straight_through(0.3),
    "boxcar": surrogates.boxcar(0.8, 1.25, 0.01),
    "heaviside": surrogates.heaviside(0.5, 0.8, 0.1),
    "own": surrogates.formula(lambda u: 2.0 ** (-abs(u)) + (u > 0.2) * abs(u)),
}
RULE = nirx.Discretization(dt=1.0)


def branches():
    """One neuron for each surrogate, side by side, all read by one LI."""
    nodes, edges = {"fc": affine(4, 3)}, line("input", "fc")
    for name in ALL:
        nodes[name] = lif(4)
        edges += line("fc", name, "li")
    return make_graph([*edges, ("li", "output")], 3, 4, li=neuron(nir.LI, 4), **nodes)


def inputs():
    return 2.0 * np.random.default_rng(3).normal(size=(30, 2, 3))


def of_torch(graph, surrogate=None, execution="plain"):
    net = nirx_torch.from_nir(graph, RULE, "float64", surrogate=surrogate, execution=execution)
    net.run(torch.from_numpy(inputs()))[0].square().sum().backward()
    return {name: p.grad.numpy() for name, p in net.named_parameters() if p.grad is not None}


def of_jax(graph, surrogate=None):
    with jax.enable_x64(True):
        net = nirx_jax.from_nir(graph, RULE, "float64", surrogate=surrogate)
        found = jax.grad(lambda n: (n.run(jnp.array(inputs()))[0] ** 2).sum())(net)
        return {
            f"{path}.{key}": np.asarray(value)
            for path, module in found.nodes.items()
            for key, value in module.arrays.items()
        }


def assert_same(found, expected):
    for name, value in expected.items():
        scale = np.abs(value).max()
        assert scale > 0 or name.endswith("v_leak"), name
        np.testing.assert_allclose(found[name], value, rtol=1e-12, atol=1e-12 * scale, err_msg=name)


@pytest.fixture(scope="module")
def by_torch():
    return of_torch(branches(), ALL)


@pytest.mark.exhaustive
def test_jax_has_the_gradients_of_torch(by_torch):
    assert_same(of_jax(branches(), ALL), by_torch)


@pytest.mark.parametrize("name", ALL)
def test_the_text_for_kernels_computes_the_formula(name):
    expression = trace_surrogate(ALL[name])
    wanted = expression.results["slope"]
    printed = print_expression(expression, {"u": "u"}, [wanted], "0.0")
    u = np.linspace(-3, 3, 61)
    for one, expected in zip(u, ALL[name](u), strict=True):
        scope = {"np": np, "F": np.float64, "u": one}
        exec("\n".join(printed.lines), scope)
        assert eval(printed.value(wanted), scope) == pytest.approx(expected, rel=1e-14, abs=1e-14)


@pytest.mark.exhaustive
def test_fused_kernels_have_the_gradients_of_the_steps(by_torch):
    assert_same(of_torch(branches(), ALL, "fused"), by_torch)


@pytest.mark.parametrize("name", ["fast", "sigmoid", "own"])
def test_each_node_has_the_gradient_of_its_own(name, by_torch):
    alone = of_torch(branches(), ALL[name])
    for other in ALL:
        same = np.allclose(alone[f"{other}.r"], by_torch[f"{other}.r"], rtol=1e-12, atol=0)
        assert same == (other == name), other


@pytest.mark.slow
@pytest.mark.exhaustive
def test_the_nodes_of_a_loop_have_their_own():
    options = {"surrogate": {"a": surrogates.sigmoid(8), "b": surrogates.boxcar(1, 0.7)}}
    plain, fused = pair(looped(), "float64", "torch", options=options)
    rule = plain.schedule.discretization
    same = nirx_torch.from_nir(looped(), rule, "float64", surrogate=surrogates.sigmoid(8))
    same.execution = "plain"
    found = []
    for net in (plain, fused, same):
        xs = torch.linspace(-1, 3, 20 * 2 * net.schedule.nodes[0].output_shape[0])
        xs = xs.double().reshape(20, 2, -1).requires_grad_()
        found.append(torch.autograd.grad(net.run(xs)[0].sum(), xs)[0])
    torch.testing.assert_close(found[1], found[0], rtol=1e-12, atol=1e-12)
    assert not torch.allclose(found[2], found[0])


def marked(**own):
    graph = branches()
    for name, surrogate in own.items():
        graph.nodes[name].metadata[SURROGATE_KEY] = surrogate.to_json()
    return graph


def test_metadata_say_the_surrogate_and_the_caller_wins(tmp_path):
    graph = marked(fast=ALL["fast"], arctan=ALL["arctan"])
    nirx.write(tmp_path / "graph.nir", graph)
    graph = nirx.read(tmp_path / "graph.nir")
    expected = of_torch(branches(), {"fast": ALL["fast"], "arctan": ALL["arctan"]})
    assert_same(of_torch(graph), expected)
    assert_same(of_jax(graph), expected)
    assert_same(of_torch(graph, "superspike"), of_torch(branches()))
    assert_same(
        of_torch(graph, {"arctan": "superspike"}), of_torch(branches(), {"fast": ALL["fast"]})
    )


def test_patterns_of_nested_paths_and_the_first_that_fits():
    inner = chain({"lif": lif(4)}, 4, 4)
    graph = chain({"fc": affine(4, 3), "layer": inner, "fc2": affine(4, 4), "lif": lif(4)}, 3, 4)
    net = nirx_torch.from_nir(graph, RULE, surrogate={"lay*/*": "arctan", "*": "triangular"})
    names = {place.name: p for p, place in enumerate(net.schedule.nodes)}
    assert net.surrogates.at(names["layer/lif"]) == surrogates.arctan()
    assert net.surrogates.at(names["lif"]) == surrogates.triangular()


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_a_pattern_that_fits_nothing_and_a_wrong_text_are_refused(backend):
    with pytest.raises(
        nirx.InputError, match=r"'fasst' fits no node that spikes; did you mean 'fast'"
    ):
        nirx.from_nir(branches(), backend, RULE, surrogate={"fasst": "arctan"})
    with pytest.raises(nirx.InputError, match="fits no node that spikes"):
        nirx.from_nir(branches(), backend, RULE, surrogate={"fc": "arctan"})
    with pytest.raises(nirx.InputError, match="has no hash"):
        nirx.from_nir(branches(), backend, RULE, surrogate={"fast": Unhashable()})
    graph = branches()
    graph.nodes["fast"].metadata[SURROGATE_KEY] = json.dumps({"name": "__import__('os')"})
    with pytest.raises(nirx.GraphError, match=r"fast: metadata 'nirx_surrogate': no surrogate"):
        nirx.from_nir(graph, backend, RULE)


class Unhashable:
    __hash__ = None  # type: ignore[assignment]

    def __call__(self, u):
        return u


def test_a_single_node_has_the_surrogate_it_is_given():
    node = lif(1)
    node.metadata[SURROGATE_KEY] = surrogates.arctan().to_json()
    slopes = []
    for own in (None, surrogates.straight_through(3.0)):
        module = nirx_torch.nir_to_torch(node, discretization=RULE, surrogate=own)
        x = torch.full((1,), 0.5, dtype=torch.float64, requires_grad=True)
        y, _ = module(x)
        slopes.append(torch.autograd.grad(y.sum(), x)[0].item())
        with jax.enable_x64(True):
            twin = nirx_jax.nir_to_jax(node, discretization=RULE, surrogate=own)
            slope = jax.grad(lambda x, twin=twin: twin(x)[0].sum())(jnp.array([0.5]))
        assert slope.item() == pytest.approx(slopes[-1], rel=1e-12)
    u = 0.25 * 0.5 - 1.0
    assert slopes == pytest.approx([0.25 * surrogates.arctan()(u), 0.25 * 3.0])


def test_equal_surrogates_share_a_compilation():
    nets = [
        nirx_jax.from_nir(branches(), RULE, surrogate={"fast": surrogates.arctan(k)})
        for k in (3, 3.0, 4)
    ]
    assert nets[0].surrogates == nets[1].surrogates != nets[2].surrogates
    assert hash(nets[0].surrogates) == hash(nets[1].surrogates)
    first, second = (
        nirx_torch.from_nir(branches(), RULE, surrogate=surrogates.arctan(3)) for _ in "ab"
    )
    assert [own and own.key for own in first._layers[1]] == [
        own and own.key for own in second._layers[1]
    ]
