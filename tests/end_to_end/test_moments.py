"""Training goes on, on the other backend, as if nothing had happened."""

from __future__ import annotations

import warnings
from typing import Any

import equinox as eqx
import jax
import numpy as np
import pytest
import torch

import nirx
import nirx_jax
import nirx_torch
from support.agreement import assert_near
from support.graphs import recurrent
from support.running import precision

optax = pytest.importorskip("optax")

RULE = nirx.Discretization(dt=1e-3)
XS = np.random.default_rng(3).random((40, 2, 3))
OPTIMIZERS: dict[str, tuple[Any, Any]] = {
    "adam": (lambda p: torch.optim.Adam(p, 1e-2), optax.adam(1e-2)),
    "adamw in a chain": (
        lambda p: torch.optim.AdamW(p, 1e-2, weight_decay=0.03),
        optax.chain(optax.clip_by_global_norm(1e9), optax.adamw(1e-2, weight_decay=0.03)),
    ),
    "adam with a schedule": (
        lambda p: torch.optim.Adam(p, 1e-2),
        optax.inject_hyperparams(optax.adam)(learning_rate=lambda count: 1e-2 + 0.0 * count),
    ),
    "nesterov": (
        lambda p: torch.optim.SGD(p, 1e-3, momentum=0.9, nesterov=True),
        optax.sgd(1e-3, momentum=0.9, nesterov=True),
    ),
}


class OnTorch:
    def __init__(self, optimizer):
        self.net = formed("torch")
        nirx.trainable(self.net, "fc", "*.tau")
        self.optimizer = optimizer(p for p in self.net.parameters() if p.requires_grad)

    def step(self):
        self.optimizer.zero_grad()
        (self.net.run(torch.from_numpy(XS))[0] ** 2).sum().backward()
        self.optimizer.step()

    def given(self):
        return nirx_torch.parameters_to_numpy(self.net), nirx_torch.get_moments(
            self.net, self.optimizer
        )

    def take(self, parameters, moments):
        nirx_torch.load_parameters(self.net, parameters)
        nirx_torch.set_moments(self.net, self.optimizer, moments)


class OnJax:
    def __init__(self, optimizer):
        self.net, self.optimizer = formed("jax"), optimizer
        self.spec = nirx.trainable(self.net, "fc", "*.tau")
        self.state = optimizer.init(eqx.filter(self.net, self.spec))

    def step(self):
        trained, other = eqx.partition(self.net, self.spec)
        gradient = jax.grad(lambda t: (eqx.combine(t, other).run(XS)[0] ** 2).sum())(trained)
        updates, self.state = self.optimizer.update(gradient, self.state, trained)
        self.net = eqx.combine(eqx.apply_updates(trained, updates), other)

    def given(self):
        return nirx_jax.parameters_to_numpy(self.net), nirx_jax.get_moments(self.net, self.state)

    def take(self, parameters, moments):
        self.net = nirx_jax.load_parameters(self.net, parameters)
        self.state = nirx_jax.set_moments(self.net, self.state, moments)


def formed(backend):
    net = nirx.from_nir(recurrent(), backend, RULE, "float64", surrogate="arctan")
    return nirx.parametrize(net, "*.tau", positive="softplus", shared="mean")


@pytest.fixture(autouse=True)
def _wide():
    with precision("jax", "float64"):
        yield


@pytest.mark.parametrize(
    ("name", "back"),
    [
        pytest.param(
            name,
            back,
            marks=pytest.mark.slow if (name, back) == ("adam", False) else pytest.mark.exhaustive,
            id=f"{name}, {'jax to torch' if back else 'torch to jax'}",
        )
        for name in OPTIMIZERS
        for back in (False, True)
    ],
)
def test_the_next_steps_are_the_same_on_the_other_backend(name, back):
    torchs, optaxs = OPTIMIZERS[name]
    sides = [OnTorch(torchs), OnJax(optaxs)]
    first, second = sides[::-1] if back else sides
    for _ in range(3):
        first.step()
    second.take(*first.given())
    for _ in range(2):
        first.step()
        second.step()
    (one, moments), (two, others) = first.given(), second.given()
    for key, value in one.items():
        assert_near(two[key], value, 1e-12, key)
    assert moments.keys() == others.keys() == {"fc.weight", "fc.bias", "lif.tau", "li.tau"}
    for key, entry in moments.items():
        assert entry.keys() == others[key].keys()
        for part in entry.keys() - {"form"}:
            size = max(1.0, np.abs(entry[part]).max())
            assert_near(others[key][part], entry[part], 1e-12 * size, f"{key} {part}")
    if name != "nesterov":
        assert moments["fc.weight"]["step"] == 5


def test_without_the_moments_the_next_step_differs():
    first, second = (OnTorch(OPTIMIZERS["adam"][0]) for _ in range(2))
    first.step()
    nirx_torch.load_parameters(second.net, first.given()[0])
    first.step()
    second.step()
    assert np.abs(first.given()[0]["fc.weight"] - second.given()[0]["fc.weight"]).max() > 1e-6


def adam_sides():
    one, two = OnTorch(OPTIMIZERS["adam"][0]), OnJax(OPTIMIZERS["adam"][1])
    one.step()
    return one, two, one.given()[1]


@pytest.mark.parametrize("side", [0, 1], ids=["torch", "jax"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: {**m, "fc.weigth": m["fc.weight"]}, "did you mean 'fc.weight'"),
        (lambda m: {**m, "lif.r": m["fc.bias"]}, "'lif.r': the optimizer trains no such parameter"),
        (lambda m: {"fc.bias": {"first": m["fc.bias"]["first"]}}, "are first; expected step, fir"),
        (lambda m: {"fc.bias": 3}, "are int; expected step, first, second"),
        (lambda m: {"fc.bias": m["fc.weight"]}, r"first has shape \(4, 3\) .* of shape \(4,\)"),
        (lambda m: {"li.tau": {**m["li.tau"], "form": "exp"}}, "held as exp, now .* softplus, sh"),
        (lambda m: {"fc.bias": {**m["fc.bias"], "form": "exp"}}, "exp, now .* NIR's own value"),
        (lambda m: [1], "moments are a list; expected what get_moments gave"),
    ],
)
def test_moments_that_do_not_fit_are_refused_and_nothing_changes(side, change, message):
    sides = adam_sides()
    before = sides[side].given()[1]
    with pytest.raises(nirx.InputError, match=message):
        sides[side].take({}, change(sides[2]))
    after = sides[side].given()[1]
    assert all(np.array_equal(before[k]["first"], after[k]["first"]) for k in before)


def test_other_parameters_keep_their_moments():
    for side in adam_sides()[:2]:
        _, _, moments = adam_sides()
        zero = {k: np.zeros_like(v) for k, v in moments["fc.bias"].items()}
        side.take({}, moments)
        side.take({}, {"fc.bias": {**zero, "step": moments["fc.bias"]["step"]}})
        after = side.given()[1]
        assert not after["fc.bias"]["first"].any()
        assert np.array_equal(after["fc.weight"]["first"], moments["fc.weight"]["first"])


def test_optax_counts_all_parameters_together():
    _, side, moments = adam_sides()
    moments["fc.bias"]["step"] = np.array(7)
    with pytest.raises(nirx.InputError, match="are of 1 to 7 steps; expected one number"):
        side.take({}, moments)


def test_moments_are_found_in_a_larger_tree_and_behind_a_mask():
    net = formed("jax")
    params = {"mine": eqx.filter(net, eqx.is_inexact_array), "gain": np.ones(2)}
    state = optax.adam(1e-3).init(params)
    assert len(nirx_jax.get_moments(net, state)) == 11
    new = nirx_jax.set_moments(net, state, adam_sides()[2])
    assert jax.tree.structure(new) == jax.tree.structure(state)
    mask = nirx.trainable(net, "fc")
    masked = optax.masked(optax.adam(1e-3), mask).init(eqx.filter(net, eqx.is_inexact_array))
    assert nirx_jax.get_moments(net, masked).keys() == {"fc.weight", "fc.bias"}


@pytest.mark.parametrize("name", ["rmsprop", "lion", "amsgrad", "adabelief"])
def test_other_optimizers_of_optax_are_refused(name):
    net = formed("jax")
    state = getattr(optax, name)(1e-3).init(eqx.filter(net, eqx.is_inexact_array))
    for call in (
        lambda: nirx_jax.get_moments(net, state),
        lambda: nirx_jax.set_moments(net, state, {}),
    ):
        with pytest.raises(nirx.UnsupportedError, match="has no counterpart on other backends"):
            call()


@pytest.mark.parametrize(("name", "warns"), [("adamax", True), ("adam", False)])
def test_numbers_that_look_like_those_of_adamax_are_warned_of(name, warns):
    net, optimizer = formed("jax"), getattr(optax, name)(1e-3)
    params = eqx.filter(net, nirx.trainable(net, "fc"))
    state, rng = optimizer.init(params), np.random.default_rng(5)
    assert nirx_jax.get_moments(net, state)["fc.bias"]["step"] == 0
    for _ in range(3):
        gradient = jax.tree.map(lambda p: rng.normal(scale=0.5, size=p.shape), params)
        _, state = optimizer.update(gradient, state, params)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        moments = nirx_jax.get_moments(net, state)
    assert ["look like those of optax.adamax" in str(w.message) for w in found] == [True] * warns
    assert moments["fc.bias"]["step"] == 3


@pytest.mark.parametrize("params", [lambda net: {"other": np.ones(2)}, jax.tree.leaves])
def test_a_state_without_the_network_is_refused(params):
    net = formed("jax")
    with pytest.raises(nirx.InputError, match="has no moments of this network; expected the state"):
        nirx_jax.get_moments(net, optax.adam(1e-3).init(params(net)))


@pytest.mark.parametrize(
    "make",
    [
        lambda p: torch.optim.RMSprop(p, 1e-3),
        lambda p: torch.optim.Adam(p, 1e-3, amsgrad=True),
        lambda p: torch.optim.NAdam(p, 1e-3),
    ],
)
def test_other_optimizers_of_torch_are_refused(make):
    side = OnTorch(make)
    side.step()
    for call in (side.given, lambda: side.take({}, {})):
        with pytest.raises(nirx.UnsupportedError, match=r"expected Adam or AdamW without amsgrad"):
            call()


def test_an_optimizer_of_other_parameters_is_refused():
    net = formed("torch")
    optimizer = torch.optim.Adam(torch.nn.Linear(1, 1).parameters())
    assert nirx_torch.get_moments(net, optimizer) == {}
    with pytest.raises(nirx.InputError, match="trains no parameter of this network"):
        nirx_torch.set_moments(net, optimizer, {})
