"""nirx.register_type: your own node type, from file to run."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.dynamics import Dynamics, Neuron, NodeMismatch, Stateless
from support.graphs import chain, lif, neuron

D = nirx.Discretization(dt=1.0)
XS = np.arange(12, dtype=np.float32).reshape(6, 2)


@dataclass(eq=False)
class Square(nir.NIRNode):
    offset: np.ndarray

    def __post_init__(self) -> None:
        self.input_type = {"input": None}
        self.output_type = {"output": None}


@dataclass(eq=False)
class Adaptive(Square):
    pass


class Squaring(Stateless):
    parameters = ("offset",)

    @classmethod
    def infer_shape(cls, node: Any, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(input_shape) != 1:
            raise NodeMismatch(f"the input has shape {input_shape}", "a vector")
        return input_shape

    def apply(self, ops: Any, c: Any, x: Any) -> Any:
        return ops.add(ops.mul(x, x), c["offset"])


class Counting(Dynamics):
    """Outputs the number of steps so far plus x."""

    @classmethod
    def infer_shape(cls, node: Any, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape

    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"n": self.output_shape}

    def step(self, ops: Any, c: Any, x: Any, s: Any) -> Any:
        n = ops.add(s["n"], ops.constant(1.0))
        return ops.add(x, n), {"n": n}


class Resonator(Neuron):
    parameters = ("offset",)

    def membrane_coefficients(self, ops: Any, p: Any) -> Any:
        return {"offset": p["offset"]}

    def integrate(self, ops: Any, c: Any, v: Any, current: Any) -> Any:
        return ops.add(ops.mul(v, c["offset"]), current)


def graph(node: Any, loop: bool = False, takes: Any = 2) -> nir.NIRGraph:
    return chain({"n": node}, takes, extra=[("n", "n")] if loop else [])


def square() -> Square:
    return Square(np.array([0.5, -0.5], np.float32))


def test_a_registered_type_runs_from_a_file(tmp_path):
    with pytest.raises(nirx.GraphError, match="unknown node type Square"):
        nirx.check(graph(square()), D)
    nirx.register_type(Square, dynamics=Squaring)
    nirx.write(tmp_path / "g.nir", graph(square()))
    again = nirx.read(tmp_path / "g.nir")
    assert nirx.same_graph(again, graph(square()))
    ys, _ = nirx.from_nir(again, "numpy", D).run(XS)
    assert ys.tolist() == (XS * XS + square().offset).tolist()


def test_its_input_and_parameters_are_checked():
    nirx.register_type(Square, dynamics=Squaring)
    with pytest.raises(nirx.GraphError, match="n: the input has shape"):
        nirx.check(graph(square(), takes=(1, 2)), D)
    with pytest.raises(nirx.GraphError, match=r"n: offset\[1\] is nan"):
        nirx.check(graph(Square(np.array([0, np.nan]))), D)


def test_its_state_is_kept_and_recorded():
    nirx.register_type(Square, dynamics=Counting)
    n = nirx.from_nir(graph(square()), "numpy", D)
    ys, state, rec = n.run(XS, record=["n.n"], chunk=4)
    assert (ys - XS)[:, 0].tolist() == [1, 2, 3, 4, 5, 6] == rec["n.n"][:, 0].tolist()
    assert n.run(XS[:1], state)[0].tolist() == [[7, 8]]
    assert n.init_state((3,))["n"]["n"].shape == (3, 2)


def test_only_a_neuron_breaks_a_loop():
    nirx.register_type(Square, dynamics=Resonator)
    nirx.register_type(Adaptive, dynamics=Squaring)
    assert nirx.schedule(graph(square(), loop=True), D).feedback_edges == (("n", "n"),)
    ys, _ = nirx.from_nir(graph(square(), loop=True), "numpy", D).run(np.ones((3, 2), np.float32))
    assert ys[:, 0].tolist() == [1, 2.5, 4.75]
    with pytest.raises(nirx.GraphError, match="algebraic loop"):
        nirx.check(graph(Adaptive(np.ones(2)), loop=True), D)


def test_without_dynamics_it_needs_a_node_map():
    nirx.register_type(Square, infer_shape=lambda node, shape: (3,))
    g = chain({"n": square()}, 2, 3)
    with pytest.raises(nirx.GraphError, match="node_map"):
        nirx.from_nir(g, "numpy", D)

    def build(node: Square) -> Any:
        return lambda x: np.concatenate([x, x[..., :1]], -1)

    assert nirx.from_nir(g, "numpy", D, node_map={Square: build}).run(XS)[0].shape == (6, 3)


def test_a_subclass_of_a_known_type_runs_as_its_base():
    class Strong(nir.LIF):
        pass

    ys = nirx.from_nir(graph(neuron(Strong)), "numpy", D).run(XS)[0]
    assert ys.tolist() == nirx.from_nir(graph(lif()), "numpy", D).run(XS)[0].tolist()


@pytest.mark.parametrize("bad", [int, "Square", square(), nir.LIF, nir.NIRGraph])
def test_anything_but_a_new_node_type_is_refused(bad):
    with pytest.raises(nirx.InputError, match="register_type"):
        nirx.register_type(bad)


def test_a_name_is_registered_once():
    nirx.register_type(Square, dynamics=Squaring)
    with pytest.raises(nirx.InputError, match="already"):
        nirx.register_type(Square, dynamics=Squaring)
    other = type("Square", (nir.NIRNode,), {})
    with pytest.raises(nirx.InputError, match="already"):
        nirx.register_type(other)
