"""What is trained is chosen by the same patterns on torch and JAX."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_jax
import nirx_torch
from nirx.execution.trainable import parameters_of
from support.graphs import affine, chain, lif, make_graph, recurrent

RULE = nirx.Discretization(dt=1e-3)
BACKENDS = ("torch", "jax")


def built(backend, graph=None, **options) -> Any:
    return nirx.from_nir(recurrent() if graph is None else graph, backend, RULE, **options)


def trained(net, result):
    """The names of what is trained, after `trainable` or `freeze` returned this."""
    keys: Any = parameters_of(net)
    if isinstance(net, torch.nn.Module):
        return {key for key, parameter in keys.held.items() if parameter.requires_grad}
    chosen = [place for place, on in jax.tree_util.tree_leaves_with_path(result) if on]
    slots = [slot for place in chosen for slot in keys.places[place]]
    return {key for key, slot in keys.slots.items() if slot in slots}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["fc.weight"], {"fc.weight"}),
        (["*.tau"], {"lif.tau", "li.tau"}),
        (["li?.tau", "w"], {"lif.tau", "w.weight"}),
        (["fc", "li.r"], {"fc.weight", "fc.bias", "li.r"}),
        (["*.[rt]*"], {"lif.r", "lif.tau", "li.r", "li.tau"}),
    ],
)
def test_only_what_matches_is_trained(backend, patterns, expected):
    net = built(backend)
    result = nirx.trainable(net, *patterns)
    assert trained(net, result) == expected
    if backend == "torch":
        assert set(result) == expected


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_last_call_decides_what_is_trained(backend):
    net = built(backend)
    nirx.trainable(net, "fc")
    assert trained(net, nirx.trainable(net, "w")) == {"w.weight"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_freeze_leaves_the_others_on(backend):
    net = built(backend)
    everything = trained(net, nirx.trainable(net, "*"))
    assert len(everything) == 11
    assert trained(net, nirx.freeze(net, "*.v_*", "w")) == {
        "fc.weight",
        "fc.bias",
        "lif.tau",
        "lif.r",
        "li.tau",
        "li.r",
    }


def test_on_torch_freeze_keeps_what_was_frozen_before():
    net = built("torch")
    nirx.trainable(net, "fc", "*.tau")
    assert nirx.freeze(net, "lif.tau", "lif.r") == ["lif.tau", "lif.r"]
    assert trained(net, None) == {"fc.weight", "fc.bias", "li.tau"}


def test_the_tree_of_jax_partitions_the_network_and_leaves_it_alone():
    net = built("jax")
    before = nirx_jax.parameters_to_numpy(net)
    spec = nirx.trainable(net, "fc", "lif.tau")
    on, off = eqx.partition(net, spec)
    assert [leaf.shape for leaf in jax.tree.leaves(on)] == [(4,), (4, 3), (4,)]
    assert len(jax.tree.leaves(off)) == 8
    xs = np.ones((5, 2, 3), np.float32)
    gradient = jax.grad(lambda on: eqx.combine(on, off).run(xs)[0].sum())(on)
    assert gradient.nodes["li"].arrays["tau"] is None
    assert gradient.nodes["lif"].arrays["tau"].shape == (4,)
    after = nirx_jax.parameters_to_numpy(net)
    assert all(np.array_equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_subgraph_means_everything_in_it_and_names_may_hold_dots(backend):
    inner = chain({"fc": affine(2, 2), "lif": lif()})
    graph = chain({"block": inner, "block.fc": affine(2, 2)})
    net = built(backend, graph)

    def names(pattern):
        return trained(net, nirx.trainable(net, pattern))

    assert {key.rpartition(".")[0] for key in names("block")} == {"block/fc", "block/lif"}
    assert names("block.fc") == {"block.fc.weight", "block.fc.bias"}
    assert names("block/lif.tau") == {"block/lif.tau"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_nodes_that_share_a_module_are_trained_together(backend):
    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.other = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)

        def forward(self, x):
            return self.fc(self.other(self.fc(x)))

    net = built(backend, nirx_torch.torch_to_nir(Twice()))
    first, second = sorted(path for path in net.modules_by_path if path.startswith("fc"))
    result = nirx.trainable(net, f"{second}.weight")
    assert trained(net, result) == {f"{first}.weight", f"{second}.weight"}


def test_parameters_of_users_modules_have_the_names_they_have_there():
    def on_torch(node):
        return torch.nn.Sequential(torch.nn.Linear(*node.weight.shape[::-1]), torch.nn.ReLU())

    def on_jax(node):
        key = jax.random.key(0)
        linear = eqx.nn.Linear(*node.weight.shape[::-1], key=key)
        return eqx.nn.Sequential([linear, eqx.nn.Lambda(jax.nn.relu)])

    graph = chain({"fc": affine(2, 2), "lif": lif()})
    one = built("torch", graph, node_map={nir.Affine: on_torch})
    assert nirx.trainable(one, "fc.0.*") == ["fc.0.weight", "fc.0.bias"]
    other = built("jax", graph, node_map={nir.Affine: on_jax})
    spec = nirx.trainable(other, "fc.layers.0.weight")
    assert trained(other, spec) == {"fc.layers.0.weight"}
    for net in (one, other):
        with pytest.raises(nirx.InputError, match=r"'fc\..*weight' belongs to a module of a node"):
            nirx.parametrize(net, "*weight", shared="mean")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ([], "no pattern names parameters; expected some"),
        (["fc", "lif.tua"], r"pattern 'lif.tua' matches no parameter; did you mean 'lif.tau'\?"),
        (["lif*", "fcc"], r"pattern 'fcc' .* did you mean 'fc'\?"),
        ([""], "there is 'fc', 'fc.bias', "),
        ([3], "pattern 3; expected text"),
        (["[" * 5000], "matches no parameter"),
    ],
)
def test_a_pattern_that_matches_nothing_is_named_and_nothing_changes(backend, patterns, message):
    net = built(backend)
    before = trained(net, nirx.freeze(net, "w"))
    for call in (nirx.trainable, nirx.freeze, nirx.parametrize):
        with pytest.raises(nirx.InputError, match=message):
            call(net, *patterns)
    if backend == "torch":
        assert trained(net, None) == before


@pytest.mark.parametrize("net", [built("numpy"), torch.nn.Linear(1, 1), None])
def test_other_networks_are_refused(net):
    with pytest.raises(nirx.InputError, match=r"has no parameters to train; expected a network"):
        nirx.trainable(net, "*")


def test_a_network_without_parameters_has_nothing_to_match():
    net = built("torch", make_graph([("input", "output")], 2))
    with pytest.raises(nirx.InputError, match="matches no parameter"):
        nirx.trainable(net, "*")
