"""Parameters that training keeps positive or equal: NIR's values outside, raw arrays inside."""

# The nets are of either backend.
# pyright: reportArgumentType=false, reportCallIssue=false

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
from nirx.execution.forms import POSITIVE, Form
from support.agreement import assert_near
from support.graphs import chain, lif, recurrent
from support.running import precision

RULE = nirx.Discretization(dt=1e-3)
MODULES = {"torch": nirx_torch, "jax": nirx_jax}
FORMS = [
    {"positive": "softplus"},
    {"positive": "exp", "minimum": 1e-3},
    {"positive": "clamp"},
    {"positive": "clamp", "minimum": 4e-3},
    {"positive": "softplus", "shared": "mean"},
    {"shared": "mean"},
]
XS = np.random.default_rng(5).random((40, 2, 3))


@pytest.fixture(params=["torch", "jax"])
def backend(request):
    with precision(request.param, "float64"):
        yield request.param


def built(backend, graph=None, **options) -> Any:
    graph = recurrent() if graph is None else graph
    return nirx.from_nir(graph, backend, RULE, "float64", **options)


def ran(net):
    xs = torch.from_numpy(XS) if isinstance(net, torch.nn.Module) else XS
    return nirx.state_to_numpy(net.run(xs)[0])


def values(net):
    return MODULES["torch" if isinstance(net, torch.nn.Module) else "jax"].parameters_to_numpy(net)


def raw(net, node, name):
    if isinstance(net, torch.nn.Module):
        return net.get_submodule(node).held()[name]
    return net.nodes[node].arrays[name].raw


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_values_and_outputs_stay_and_to_nir_writes_them(backend, form):
    net = built(backend)
    before, ys = values(net), ran(built("torch"))
    new = nirx.parametrize(net, "*.tau", "lif.v_threshold", **form)
    after = values(new)
    assert (new is net) == (backend == "torch")
    for key, value in before.items():
        formed = key in ("lif.tau", "li.tau", "lif.v_threshold")
        if formed and form.get("shared"):
            value = np.full_like(value, value.mean())
        assert_near(after[key], value, 1e-14 if formed else 0.0, key)
    if not form.get("shared") and (backend == "torch" or form == FORMS[0]):
        assert_near(ran(new), ys, 0.0 if form["positive"] == "clamp" else 1e-11, "outputs")
    graph = MODULES[backend].to_nir(new)
    assert_near(graph.nodes["lif"].tau, after["lif.tau"], 0.0, "exported")
    assert graph.nodes["lif"].tau.shape == (4,)
    if backend == "jax":
        assert net.nodes["lif"].tau is not new.nodes["lif"].tau
        assert all(np.array_equal(before[key], value) for key, value in values(net).items())


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_the_gradients_of_the_raw_arrays_are_those_of_the_formula(form):
    net = nirx.parametrize(built("torch"), "lif.tau", **form)
    plain = nirx.parametrize(nirx.parametrize(built("torch"), "lif.tau", **form), "lif.tau")
    for own in (net, plain):
        own.run(torch.from_numpy(XS))[0].sum().backward()
    found, to_value = (own.lif.held()["tau"].grad.numpy() for own in (net, plain))
    minimum = form.get("minimum", 0.0)
    slope = {
        "softplus": lambda x: 1 / (1 + np.exp(-x)),
        "exp": np.exp,
        "clamp": lambda x: np.where(x > minimum, 1.0, 0.0),
        None: np.ones_like,
    }[form.get("positive")](raw(net, "lif", "tau").detach().numpy())
    expected = (to_value * slope).sum() if form.get("shared") else to_value * slope
    assert np.abs(expected).max() > 0
    assert_near(found, expected, 1e-12 * max(1, np.abs(expected).max()), "gradient")


@pytest.mark.slow
def test_jax_has_the_gradients_of_torch():
    def formed(backend):
        net = nirx.parametrize(built(backend), "lif.tau", positive="softplus", shared="mean")
        net = nirx.parametrize(net, "lif.v_threshold", positive="exp", minimum=1e-2)
        return nirx.parametrize(net, "li.tau", positive="clamp", minimum=9e-3)

    with precision("jax", "float64"):
        one, two = formed("torch"), formed("jax")
        one.run(torch.from_numpy(XS))[0].sum().backward()
        gradient = jax.grad(lambda net: net.run(XS)[0].sum())(two)
        for node, name in (("lif", "tau"), ("lif", "v_threshold"), ("li", "tau")):
            wanted, found = raw(one, node, name).grad.numpy(), raw(gradient, node, name)
            assert np.abs(wanted).max() > 0
            assert_near(found, wanted, 1e-12 * max(1, np.abs(wanted).max()), f"{node}.{name}")


def test_both_backends_hold_the_same_raw_array():
    with precision("jax", "float64"):
        one, two = (
            nirx.parametrize(built(b), "lif.tau", positive="softplus") for b in ("torch", "jax")
        )
        assert np.array_equal(raw(one, "lif", "tau").detach(), raw(two, "lif", "tau"))


def test_parameters_are_loaded_as_nirs_values(backend):
    net = nirx.parametrize(built(backend), "*.tau", positive="exp", minimum=1e-3)
    given = {"lif.tau": np.array([0.002, 0.004, 0.008, 0.016]), "lif.r": np.full(4, 3.0)}
    loaded = MODULES[backend].load_parameters(net, given)
    new = values(net if backend == "torch" else loaded)
    for key, value in given.items():
        assert_near(new[key], value, 1e-15, key)
    with pytest.raises(nirx.InputError, match=r"'lif.tau' has the value 0.001; .* above 0.001"):
        MODULES[backend].load_parameters(net, {"fc.bias": np.ones(4), "lif.tau": np.full(4, 1e-3)})
    assert backend == "jax" or not (values(net)["fc.bias"] == 1).any()
    shared = nirx.parametrize(built(backend), "lif.tau", shared="mean")
    with pytest.raises(nirx.InputError, match=r"'lif.tau' has values from 0.002 to 0.016; .*equal"):
        MODULES[backend].load_parameters(shared, given)


def test_another_form_replaces_the_first_and_none_puts_the_values_back(backend):
    net = built(backend)
    first = values(net)
    for form in ({"positive": "softplus"}, {"positive": "exp"}, {}):
        net = nirx.parametrize(net, "*.tau", **form)
        for key, value in values(net).items():
            assert_near(value, first[key], 1e-15, key)
    if backend == "torch":
        assert list(net.state_dict()) == list(built(backend).state_dict())
    else:
        assert jax.tree.structure(net) == jax.tree.structure(built(backend))


def test_shared_wants_equal_values_or_the_mean(backend):
    graph = chain({"lif": lif(tau=np.array([4.0, 4.0]), r=np.array([1.0, 2.0]))})
    net = nirx.parametrize(built(backend, graph), "lif.tau", shared=True)
    assert values(net)["lif.tau"].tolist() == [4.0, 4.0]
    assert raw(net, "lif", "tau").shape == ()
    with pytest.raises(
        nirx.InputError, match=r"'lif.r' has values from 1 to 2; .*shared=.mean.\) takes"
    ):
        nirx.parametrize(net, "lif.*", shared=True)
    net = nirx.parametrize(net, "lif.r", shared="mean")
    assert values(net)["lif.r"].tolist() == [1.5, 1.5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positive": "relu"}, "positive is 'relu'; expected 'softplus', 'exp', 'clamp' or None"),
        ({"shared": "median"}, "shared is 'median'; expected True, False or 'mean'"),
        ({"positive": "exp", "minimum": -1.0}, "minimum is -1.0; expected a number of at least 0"),
        ({"positive": "exp", "minimum": float("nan")}, "minimum is nan"),
        ({"minimum": 1.0}, r"minimum is 1.0; .*only with positive"),
        (
            {"positive": "exp"},
            r"v_\w+' has the value -?0.\d+; expected values above 0.0",
        ),
        (
            {"positive": "clamp", "minimum": 1.0},
            r"expected values of at least 1.0, .*clamp, minimum",
        ),
    ],
)
def test_bad_options_and_values_are_refused_and_nothing_changes(backend, options, message):
    net = built(backend)
    before = jax.tree.structure(net) if backend == "jax" else list(net.state_dict())
    with pytest.raises(nirx.InputError, match=message):
        nirx.parametrize(net, "*", **options)
    assert before == (jax.tree.structure(net) if backend == "jax" else list(net.state_dict()))


@pytest.mark.parametrize("positive", ["softplus", "exp"])
def test_reproducible_networks_take_what_is_exact_only(backend, positive):
    net = built(backend, reproducible=True)
    with pytest.raises(nirx.UnsupportedError, match='reproducible mode; use "clamp"'):
        nirx.parametrize(net, "*.tau", positive=positive)
    if backend == "torch":
        ys = ran(net)
        assert np.array_equal(ran(nirx.parametrize(net, "*.tau", positive="clamp")), ys)


def test_equal_networks_in_a_form_share_one_compilation():
    traces = []

    @eqx.filter_jit
    def run(net, xs):
        traces.append(1)
        return net.run(xs)[0]

    with precision("jax", "float64"):
        net = nirx.parametrize(built("jax"), "*.tau", positive="softplus", shared="mean")
        run(net, XS)
        run(nirx_jax.load_parameters(net, {"lif.tau": np.full(4, 0.02)}), XS)
        assert len(traces) == 1
        run(nirx.parametrize(net, "*.tau", positive="exp", shared="mean"), XS)
        assert len(traces) == 2


@pytest.mark.parametrize("positive", sorted(POSITIVE))
@pytest.mark.parametrize("minimum", [0.0, 1e-3])
def test_formulas_and_inverses_agree_over_many_magnitudes(positive, minimum):
    value = minimum + 10.0 ** np.arange(-9, 7)
    form = Form(value.shape, positive, minimum=minimum)
    held = torch.from_numpy(form.raw("x", value))
    found = form.value(torch, held).numpy()
    assert np.abs((found - minimum) / (value - minimum) - 1).max() < (1e-6 if minimum else 1e-13)
    far = form.value(torch, torch.tensor([-700.0, -30.0], dtype=torch.float64))
    assert (far >= minimum).all()
    assert (far > 0).all()


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_clamped_values_stay_positive_in_every_dtype(dtype):
    net: Any = nirx_torch.from_nir(chain({"lif": lif()}), nirx.Discretization(dt=1.0), dtype)
    nirx.parametrize(net, "lif.tau", positive="clamp")
    with torch.no_grad():
        net.lif.held()["tau"].fill_(-1.0)
    assert (net.lif.tau > 0).all()


def test_a_parameter_without_elements_is_left_as_it_is(backend):
    empty = np.zeros(0)
    graph = chain({"scale": nir.Scale(empty)}, 0)
    net = nirx.parametrize(built(backend, graph), "*", positive="exp", shared=True)
    assert values(net)["scale.scale"].shape == (0,)
