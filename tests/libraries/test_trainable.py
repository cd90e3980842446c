"""What an optimizer finds in a bridged network: the library's parameters, with a legal range."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

import nirx
from nirx_conformance.libraries.neurons import around, neuron

SOFT = {"reset": "subtract"}
LATE = SOFT | {"output": "old"}
TORCH = [
    ("norse", "CubaLIF", {}, {"tau_mem_inv": "0 < tau_mem_inv", "tau_syn_inv": "0 < tau_syn_inv"}),
    ("snntorch", "LIF", SOFT | {"reset_when": "next"}, {"beta": "0 <= beta < 1"}),
    ("sinabs", "LIF", {}, {"alpha_mem": "0 <= alpha_mem < 1"}),
    ("spikingjelly", "IF", {}, {}),
    ("rockpool", "LIF", SOFT, {"tau_mem": "0 < tau_mem"}),
]
JAX = [
    (
        "spyx",
        "CubaLIF",
        LATE | {"reset_when": "next-leaked"},
        {"alpha": "0 <= alpha < 1", "beta": "0 <= beta < 1"},
        {"threshold"},
    ),
    ("slax", "LIF", {}, {"tau": "-36 < tau < 36"}, {"v_threshold", "v_reset"}),
    ("brainpy", "LIF", {}, {"tau": "0 < tau"}, {"R", "V_rest", "V_th", "V_reset"}),
    ("rockpool", "LIF", SOFT, {"tau_mem": "0 < tau_mem"}, {"bias", "threshold"}),
]


def built(framework, library, kind, rule):
    pytest.importorskip(library, reason=f"{library} is installed by `make libraries` only")
    bridge = import_module(f"nirx_{framework}.bridges.{library}").BRIDGE
    d = nirx.Discretization(dt=1e-3, **rule)
    return nirx.from_nir(around(neuron(kind)), framework, d, node_map=bridge.node_map)


def texts(module):
    return {name: str(own) for name, own in module.legal_ranges.items()}


@pytest.mark.parametrize(("library", "kind", "rule", "ranges"), TORCH)
def test_torch_trains_the_librarys_parameters_only(library, kind, rule, ranges):
    module = built("torch", library, kind, rule).get_submodule("neuron")
    assert all(name.startswith("cell.") for name, _ in module.named_parameters())
    assert texts(module) == ranges


@pytest.mark.parametrize(("library", "kind", "rule", "ranges", "others"), JAX)
def test_jax_trains_the_librarys_parameters_only(library, kind, rule, ranges, others):
    jax = pytest.importorskip("jax")
    net = built("jax", library, kind, rule)
    module = net.nodes["neuron"]
    assert module.arrays.keys() == ranges.keys() | others
    assert len(jax.tree.leaves(module)) == len(module.arrays)
    assert texts(module) == ranges


def test_a_decay_trained_out_of_its_range_is_refused_with_the_range():
    eqx = pytest.importorskip("equinox")
    net = built("jax", "spyx", "LIF", LATE | {"reset_when": "next"})
    where = lambda n: n.nodes["neuron"].arrays["beta"]  # noqa: E731
    net = eqx.tree_at(where, net, where(net).at[3].set(1.25))
    import nirx_jax

    said = r"^beta\[3\] is 1.25; expected 0 <= beta < 1; clip it(.|\n)*neuron"
    with pytest.raises(nirx.UnsupportedError, match=said):
        nirx_jax.to_nir(net)
    net = eqx.tree_at(where, net, where(net).at[3].set(0.99))
    tau = nirx_jax.to_nir(net).nodes["neuron"].tau
    np.testing.assert_allclose(tau[3], 0.1, rtol=1e-4)
