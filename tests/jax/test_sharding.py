"""One network on many devices: the same bits, and a sharding that does not fit is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import equinox as eqx
import jax
import nir
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import nirx
import nirx_jax
from support.processes import free_port, run_python
from support.spread_graphs import GRAPHS, RULE, driven, looped

DOCS = Path(__file__).parents[2] / "docs" / "many-devices.md"


def flags(count):
    return {"XLA_FLAGS": f"--xla_force_host_platform_device_count={count}", "JAX_PLATFORMS": "cpu"}


@pytest.fixture(scope="module")
def expected():
    """Digests of NumPy, which has no devices."""
    found = {}
    for name, graph in GRAPHS.items():
        net = nirx.from_nir(graph(), "numpy", RULE, reproducible=True)
        xs = driven(graph())
        whole = net.run(xs, record="all")
        neurons = [n for n, node in graph().nodes.items() if isinstance(node, nir.LIF)]
        assert all(whole[2][neuron].any() for neuron in neurons)
        one, state = net(xs[0])
        features = nirx.digest(whole)
        found[name] = {
            "sharding": features,
            "device_put": features,
            "features": features,
            "continued": nirx.digest(whole[1]),
            "steps": nirx.digest([one, *net(xs[1], state)]),
        }
    return found


def require_same(printed, count, expected):
    found = json.loads(printed.splitlines()[-1])
    assert found.pop("devices") == str(count)
    assert len(found) >= 4 * len(GRAPHS)
    for case, text in found.items():
        name, _, how = case.split()
        assert text == expected[name][how], case


@pytest.mark.exhaustive
def test_eight_devices_give_the_bits_of_one(expected):
    (printed,) = run_python([["-m", "support.jax_devices"]], flags(8))
    require_same(printed, 8, expected)


@pytest.mark.exhaustive
def test_two_processes_give_the_bits_of_one(expected):
    port = str(free_port())
    commands = [["-m", "support.jax_devices", str(rank), port] for rank in range(2)]
    for printed in run_python(commands, flags(4)):
        require_same(printed, 8, expected)


COMMUNICATES = """
import re, jax, nirx_jax
from jax.sharding import NamedSharding, PartitionSpec as P
from support.spread_graphs import GRAPHS, RULE, driven

for graph in GRAPHS.values():
    for reproducible in (False, True):
        net = nirx_jax.from_nir(graph(), RULE, reproducible=reproducible)
        for kind in jax.sharding.AxisType.Auto, jax.sharding.AxisType.Explicit:
            mesh = jax.make_mesh((8,), ("batch",), axis_types=(kind,))
            xs = jax.device_put(driven(graph()), NamedSharding(mesh, P(None, "batch")))
            text = jax.jit(lambda xs: net.run(xs)).lower(xs).compile().as_text()
            found = re.findall("all-gather|all-to-all|all-reduce|collective-permute", text)
            assert not found, (graph.__name__, found)
            assert net.run(xs)[0].sharding.spec[:2] == (None, "batch")
"""


@pytest.mark.exhaustive
def test_devices_that_share_a_batch_need_not_talk():
    run_python([["-c", COMMUNICATES]], flags(8))


REFUSED = """
import jax, numpy as np, pytest, nirx, nirx_jax
from jax.sharding import NamedSharding, PartitionSpec as P
from support.spread_graphs import RULE, driven, looped

net, xs = nirx_jax.from_nir(looped(), RULE), driven(looped())
sharding = NamedSharding(jax.make_mesh((8,), ("batch",)), P(None, "batch"))
with pytest.raises(nirx.InputError, match="axis 1 of 6 cannot be divided .* 8 .*pad it to 8"):
    net.run(xs[:, :6], sharding=sharding)
elsewhere = jax.device_put(net.init_state(8), jax.devices()[3])
with pytest.raises(nirx.InputError, match="input is on 8 devices .* state on .*3; put both"):
    net.run(jax.device_put(xs, sharding), elsewhere)
ys, state = net.run(xs, elsewhere, sharding=sharding)
assert state["a"]["v"].sharding.spec[0] == "batch"
assert np.allclose(ys, net.run(xs)[0], atol=1e-5)
"""


@pytest.mark.exhaustive
def test_a_batch_that_cannot_be_divided_is_refused():
    run_python([["-c", REFUSED]], flags(8))


@pytest.mark.exhaustive
def test_the_example_of_the_documentation_runs():
    (script,) = re.findall(r"```python\n(import os.*?)```", DOCS.read_text(), re.DOTALL)
    run_python([["-c", script]], {"JAX_PLATFORMS": "cpu"})


TRAINS = """
import equinox as eqx, jax, jax.numpy as jnp, numpy as np, optax
import nirx, nirx_jax
from jax.sharding import NamedSharding, PartitionSpec as P
from support.spread_graphs import RULE, driven, looped

jax.config.update("jax_enable_x64", True)
optimizer = optax.adam(1e-2)
mesh = jax.make_mesh((2, 4), ("batch", "model"))
xs = driven(looped()).astype("f8")


@eqx.filter_jit
def step(net, moments, xs):
    gradient = eqx.filter_grad(lambda net: (net.run(xs)[0] ** 2).mean())(net)
    updates, moments = optimizer.update(gradient, moments)
    return eqx.apply_updates(net, updates), moments


def train(net, xs):
    moments = optimizer.init(eqx.filter(net, eqx.is_array))
    for _ in range(20):
        net, moments = step(net, moments, xs)
    return net, moments


def put(spec):
    def one(leaf):
        own = spec if leaf.ndim and leaf.shape[0] % 4 == 0 else P()
        return jax.device_put(leaf, NamedSharding(mesh, own))
    return lambda net: jax.tree.map(lambda x: one(x) if eqx.is_array(x) else x, net)


start = nirx_jax.from_nir(looped(), RULE, "float64")
alone = nirx_jax.parameters_to_numpy(train(start, jnp.asarray(xs))[0])
before = nirx_jax.parameters_to_numpy(start)
assert max(np.abs(alone[k] - before[k]).max() for k in alone) > 0.05
spread = jax.device_put(xs, NamedSharding(mesh, P(None, "batch")))
for spec in P(), P("model"):
    net, moments = train(put(spec)(start), spread)
    for key, value in nirx_jax.parameters_to_numpy(net).items():
        assert np.abs(value - alone[key]).max() < 1e-12, (spec, key)
    weight = net.nodes["fc2"].arrays["weight"]
    assert tuple(n for n in weight.sharding.spec if n) == tuple(spec), weight.sharding
    assert moments[0].mu.nodes["fc2"].arrays["weight"].sharding == weight.sharding
"""


@pytest.mark.exhaustive
def test_training_with_parameters_on_every_device_and_in_parts():
    run_python([["-c", TRAINS]], flags(8))


# A mesh of one device has all that the types of arrays say of a larger one.
@pytest.fixture(params=[AxisType.Auto, AxisType.Explicit], ids=["auto", "explicit"])
def mesh(request):
    return jax.make_mesh((1,), ("batch",), axis_types=(request.param,))


@pytest.fixture(scope="module")
def net():
    return nirx_jax.from_nir(looped(), RULE, reproducible=True)


def test_a_sharded_run_has_the_bits_of_numpy(mesh, net, expected):
    sharding = NamedSharding(mesh, P(None, "batch"))
    result = net.run(driven(looped()), sharding=sharding, record="all")
    assert nirx.digest(nirx.state_to_numpy(result)) == expected["looped"]["sharding"]
    assert result[0].sharding.mesh == mesh


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", GRAPHS)
def test_gradients_and_steps_on_a_mesh(name, mesh):
    own = nirx_jax.from_nir(GRAPHS[name](), RULE)
    xs = driven(GRAPHS[name](), 3)
    spread = jax.device_put(xs, NamedSharding(mesh, P(None, "batch")))

    @eqx.filter_jit
    @eqx.filter_grad
    def gradient(net, xs):
        ys, state = net.run(xs)
        return (net(xs[0], state)[0] ** 2).mean() + (ys**2).mean()

    pairs = zip(
        jax.tree.leaves(gradient(own, xs)), jax.tree.leaves(gradient(own, spread)), strict=True
    )
    for alone, found in pairs:
        np.testing.assert_allclose(alone, found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (P("batch"), r"first axis is time.*PartitionSpec\(None, \.\.\.\)"),
        (P(None, "batch", None, None), r"shape \(12, 8, 4\).*has 4 axes; expected at most 3"),
    ],
)
def test_a_sharding_that_does_not_fit_is_refused(spec, message, mesh, net):
    with pytest.raises(nirx.InputError, match=message):
        net.run(driven(looped()), sharding=NamedSharding(mesh, spec))


def test_an_axis_left_open_is_refused(net):
    mesh = jax.make_mesh((1,), ("batch",), axis_types=(AxisType.Auto,))
    with pytest.raises(nirx.InputError, match="expected the name of an axis"):
        net.run(driven(looped()), sharding=NamedSharding(mesh, P(None, P.UNCONSTRAINED)))


@pytest.mark.sampled(3)
def test_a_spec_needs_a_mesh_with_its_axes(mesh, net):
    xs = driven(looped())
    with pytest.raises(nirx.InputError, match="there is no mesh"):
        net.run(xs, sharding=P(None, "batch"))
    with pytest.raises(nirx.InputError, match=r"sharding is a str; expected .*NamedSharding\("):
        net.run(xs, sharding="batch")
    with jax.set_mesh(mesh):
        with pytest.raises(nirx.InputError, match="no axis 'bacth'; did you mean 'batch'"):
            net.run(xs, sharding=P(None, "bacth"))
        ys, _ = net.run(xs, sharding=P(None, "batch"))
    assert ys.sharding.mesh == mesh
