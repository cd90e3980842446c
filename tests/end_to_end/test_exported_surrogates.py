"""A trained network that is exported and read again trains with the same surrogates."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportOptionalSubscript=false

from __future__ import annotations

import copy
import warnings

import jax
import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_jax
import nirx_torch
from nirx import surrogates
from nirx.graphs.metadata import SURROGATE_KEY
from support.graphs import affine, chain, lif

RULE = nirx.Discretization(dt=1.0)
GAUSSIAN, ARCTAN = surrogates.gaussian(0.4, center=0.1), surrogates.arctan(4)
BACKENDS = pytest.mark.parametrize("backend", [nirx_torch, nirx_jax])


def graph():
    """fc, a, block/b; a stores arctan(4)."""
    inner = chain({"b": lif(4)}, 4, 4)
    whole = chain({"fc": affine(4, 3), "a": lif(4), "block": inner}, 3, 4)
    whole.nodes["a"].metadata[SURROGATE_KEY] = ARCTAN.to_json()
    return whole


def exported(backend, surrogate, path=None):
    out = backend.to_nir(backend.from_nir(graph(), RULE, surrogate=surrogate))
    if path is None:
        return out
    nirx.write(path, out)
    return nirx.read(path)


def used(backend, given):
    net = backend.from_nir(given)
    return {p.name: net.surrogates.at(k) for k, p in enumerate(net.schedule.nodes) if p.spiking}


@BACKENDS
def test_what_from_nir_was_given_is_used_again(backend, tmp_path):
    again = exported(backend, {"block/*": GAUSSIAN}, tmp_path / "trained.nir")
    assert used(backend, again) == {"a": ARCTAN, "block/b": GAUSSIAN}
    again = exported(backend, "superspike", tmp_path / "default.nir")
    assert used(backend, again) == {
        "a": surrogates.superspike(),
        "block/b": surrogates.superspike(),
    }


@BACKENDS
def test_a_graph_without_a_choice_comes_back_as_it_was(backend):
    out = exported(backend, None)
    assert nirx.same_graph(out, graph())
    assert SURROGATE_KEY not in out.nodes["block"].nodes["b"].metadata
    assert SURROGATE_KEY not in out.nodes["fc"].metadata
    assert SURROGATE_KEY not in exported(backend, GAUSSIAN).nodes["fc"].metadata


@BACKENDS
def test_a_formula_of_ones_own_is_not_written_and_named(backend):
    def own(u):
        return 1.0 / (1.0 + u * u)

    for formula in (own, surrogates.formula(own)):
        with pytest.warns(nirx.NirxWarning, match=r"the surrogate of block/b is a formula of your"):
            out = exported(backend, {"block/b": formula})
        assert SURROGATE_KEY not in out.nodes["block"].nodes["b"].metadata
        assert out.nodes["a"].metadata[SURROGATE_KEY] == ARCTAN.to_json()


@BACKENDS
def test_the_network_and_its_origin_stay_as_they_are(backend):
    net = backend.from_nir(graph(), RULE, surrogate=GAUSSIAN)
    before = copy.deepcopy(net.origin.node)
    first, second = backend.to_nir(net), backend.to_nir(net)
    assert nirx.same_graph(net.origin.node, before)
    assert nirx.same_graph(first, second)


@BACKENDS
def test_nodes_of_one_module_may_have_their_own(backend):
    shared = chain({"a": lif(3), "b": lif(3)}, 3, 3)
    for name in "ab":
        shared.nodes[name].metadata["nirx_module"] = "lif"
    net = backend.from_nir(shared, RULE, surrogate={"b": GAUSSIAN})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = backend.from_nir(backend.to_nir(net))
    first, second = (again.modules_in_order[p] for p in node_positions(again))
    assert first is second
    assert used(backend, backend.to_nir(net)) == {"a": surrogates.superspike(), "b": GAUSSIAN}


def node_positions(net):
    return [k for k, place in enumerate(net.schedule.nodes) if place.spiking]


def import_node(backend, node, **options):
    kind = "nir_to_torch" if backend is nirx_torch else "nir_to_jax"
    return getattr(backend, kind)(node, discretization=RULE, **options)


@BACKENDS
def test_the_module_of_a_single_node_keeps_its_surrogate(backend):
    node = lif(1)
    assert SURROGATE_KEY not in backend.to_nir(import_node(backend, node)).metadata
    out = backend.to_nir(import_node(backend, node, surrogate=GAUSSIAN))
    assert surrogates.from_json(out.metadata[SURROGATE_KEY]) == GAUSSIAN
    assert SURROGATE_KEY not in node.metadata


@BACKENDS
@pytest.mark.parametrize("detach", [False, True])
def test_the_reset_of_a_single_node_is_detached_as_in_a_network(backend, detach):
    # v = 1.5 spikes and is reset by the spike: the gradient of the new v is not 0 where it passes.
    node = nir.IF(np.ones(1), np.ones(1), np.zeros(1))
    options = {"surrogate": "straight-through", "detach_reset": detach}
    with jax.enable_x64(True):
        module = import_node(backend, node, **options)
        net = backend.from_nir(chain({"n": node}, 1, 1), RULE, "float64", **options)
        assert slope(backend, module) == slope(backend, lambda x: net(x)) == -1.5 * (not detach)


def slope(backend, step):
    """d(sum of the new state)/dx at 1.5."""
    if backend is nirx_jax:
        total = lambda x: sum(a.sum() for a in jax.tree.leaves(step(x)[1]))  # noqa: E731
        return jax.grad(total)(np.array([1.5])).item()
    x = torch.tensor([1.5], dtype=torch.float64, requires_grad=True)
    total = sum(a.sum() for a in jax.tree.leaves(step(x)[1]) if isinstance(a, torch.Tensor))
    return torch.autograd.grad(total, x)[0].item()
