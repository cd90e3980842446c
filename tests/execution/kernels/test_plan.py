"""Which nodes get a kernel, and what is said of the others."""

# pyright: reportAttributeAccessIssue=false, reportArgumentType=false

from dataclasses import dataclass

import nir
import numpy as np
import pytest

import nirx
from nirx.dynamics import Dynamics, node_types
from nirx.execution.kernels import plan as plans
from nirx.execution.kernels.plan import make_plan
from support.graphs import lif, line, make_graph
from support.kernels import pair

D = nirx.Discretization(dt=1e-3)


def network(execution="auto", dtype="float32"):
    graph = make_graph(line("input", "n", "output"), np.array([2]), n=lif())
    return nirx.from_nir(graph, "numpy", D, dtype, execution=execution)


def test_short_runs_stay_plain_unless_asked(monkeypatch):
    ran = []
    monkeypatch.setattr(
        "nirx.execution.kernels.runner.fused_scan", lambda *a: ran.append(a) or 1 / 0
    )
    network().run(np.zeros((5, 2), "f4"))
    assert not ran
    with pytest.raises(ZeroDivisionError):
        network().run(np.zeros((40, 2), "f4"))
    with pytest.raises(ZeroDivisionError):
        network("fused").run(np.zeros((5, 2), "f4"))
    network("plain").run(np.zeros((40, 2), "f4"))


def test_a_wrong_choice_is_refused():
    with pytest.raises(nirx.InputError, match="did you mean 'fused'"):
        network("fusd")


def test_without_numba_everything_runs_plain(monkeypatch):
    monkeypatch.setattr(plans, "numba_is_installed", lambda: False)
    make_plan.cache_clear()
    try:
        choice = network().plan.choices[1]
        assert choice.how == "plain"
        assert choice.why == "numba is not installed (pip install nirx[fast])"
        with pytest.raises(nirx.UnsupportedError, match=r"nirx\[fast\]"):
            network("fused")
    finally:
        make_plan.cache_clear()


@dataclass(eq=False)
class Toy(nir.NIRNode):
    r: np.ndarray

    def __post_init__(self):
        self.input_type = {"input": None}
        self.output_type = {"output": None}


class Odd(Dynamics):
    """A neuron with operators in place of Ops."""

    neuron = True
    parameters = ("r",)

    @classmethod
    def infer_shape(cls, node, input_shape):
        return input_shape

    def state_shapes(self):
        return {"v": self.output_shape}

    def step(self, ops, c, x, s):
        v = self.add(ops, s["v"], x)
        return v, {"v": v}

    def add(self, ops, v, x):
        return v + x


class Even(Odd):
    """The same with Ops."""

    def add(self, ops, v, x):
        return ops.add(v, x)


@pytest.mark.parametrize(
    ("dynamics", "how", "why"),
    [
        (Odd, "plain", "its step computes with + instead of an operation of Ops"),
        (Even, "fused", ""),
    ],
)
def test_registered_neurons_are_fused_or_say_why_not(dynamics, how, why, monkeypatch):
    monkeypatch.setattr(node_types, "_TYPES", dict(node_types._TYPES))
    nirx.register_type(Toy, dynamics=dynamics)
    graph = make_graph(line("input", "n", "output"), np.array([2]), n=Toy(np.ones(2)))
    plain, fused = pair(graph)
    choice = fused.plan.choices[1]
    assert (choice.how, choice.why) == (how, why)
    xs = np.ones((40, 2), "f4")
    np.testing.assert_array_equal(fused.run(xs)[0], plain.run(xs)[0])


def test_a_backend_without_kernels_refuses_fused():
    graph = make_graph(line("input", "n", "output"), np.array([2]), n=lif())
    with pytest.raises(nirx.UnsupportedError, match="backend 'jax' has no kernels"):
        nirx.from_nir(graph, "jax", D, execution="fused")
