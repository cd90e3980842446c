"""jax_to_nir: names and edges, sharing, maps, inputs and outputs of a traced Equinox module."""

# nir's own annotations are narrower than what it accepts; equinox's __call__ differ by design.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false

from __future__ import annotations

from itertools import pairwise
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import nirx
from nirx_jax import jax_to_nir
from support.jax_modules import Block, Holds, data, graph_of, inner, linear, ports, run_alone

# -- modules, names, edges ----------------------------------------------------------------


class Nested(eqx.Module):
    block: Block
    heads: dict

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.heads["main"](self.block(x))


def nested() -> Nested:
    return Nested(Block((linear(3, 4), linear(4, 4, 1))), {"main": linear(4, 2, 2)})


def test_names_are_places_in_the_pytree():
    graph = jax_to_nir(nested(), jnp.ones(3))
    names = ["input", "block.layers.0", "block.layers.1", "heads.main", "output"]
    assert list(graph.nodes) == names
    assert graph.edges == list(pairwise(names))
    nirx.check(graph)


def test_a_shape_is_enough_as_example():
    by_shape = jax_to_nir(nested(), jax.ShapeDtypeStruct((3,), jnp.float32))
    assert nirx.same_graph(by_shape, jax_to_nir(nested(), np.ones(3)))


def test_subgraphs_keep_the_nesting():
    graph = jax_to_nir(nested(), jnp.ones(3), subgraphs=True)
    assert set(graph.nodes) == {"input", "block", "heads", "output"}
    assert isinstance(graph.nodes["block"].nodes["layers"], nir.NIRGraph)
    x = data(3)
    assert np.array_equal(run_alone(graph, x), run_alone(jax_to_nir(nested(), x), x))


def test_the_graph_shares_no_memory_and_keeps_the_dtype():
    with jax.enable_x64(True):
        model = Block((linear(3, 4, dtype=jnp.float64), linear(4, 4, dtype=jnp.float64)))
        before = [np.array(leaf) for leaf in jax.tree.leaves(model)]
        node = jax_to_nir(model, jnp.ones(3)).nodes["layers.0"]
        assert node.weight.dtype == np.float64
        node.weight[...] = 7
        assert all(map(np.array_equal, before, jax.tree.leaves(model)))
    assert jax_to_nir(nested(), jnp.ones(3)).nodes["heads.main"].weight.dtype == np.float32


def test_a_mapped_module_alone_gives_its_node():
    node = jax_to_nir(linear(3, 4), jnp.ones(3))
    assert type(node) is nir.Affine
    assert np.array_equal(node.weight, linear(3, 4).weight)


def test_what_no_output_depends_on_is_left_out():
    graph = graph_of(lambda x: (jnp.exp(x), x)[1])
    assert list(graph.nodes) == ["input", "output"]


# -- shared and transformed modules ---------------------------------------------------------


def test_two_calls_of_a_module_give_two_nodes_that_name_it():
    graph = jax_to_nir(Holds(linear(4, 4), lambda fc, x: fc(fc(x))), jnp.ones(4))
    assert list(graph.nodes) == ["input", "module", "module_1", "output"]
    assert [n.metadata["nirx_module"] for n in inner(graph)] == ["module", "module"]


def test_one_module_at_two_places_is_shared():
    fc = linear(4, 4)
    graph = jax_to_nir(Block((fc, linear(4, 4, 1), fc)), jnp.ones(4))
    found = [node.metadata.get("nirx_module") for node in inner(graph)]
    assert found == ["layers.0", None, "layers.0"]


def test_equinox_shared_modules_are_shared():
    def tied(where):
        shared = eqx.nn.Shared(pair, lambda p: where(p[1]), lambda p: where(p[0]))
        return Holds(shared, lambda shared, x: shared()[1](shared()[0](x)))

    pair = linear(4, 4), linear(4, 4)
    graph = jax_to_nir(tied(lambda m: m), jnp.ones(4))
    assert list(graph.nodes) == ["input", "module.0", "module.1", "output"]
    assert graph.nodes["module.1"].metadata["nirx_module"] == "module.0"
    graph = jax_to_nir(tied(lambda m: m.weight), jnp.ones(4))
    assert np.array_equal(graph.nodes["module.1"].weight, pair[0].weight)
    assert "nirx_module" not in graph.nodes["module.1"].metadata


def test_attributes_of_mapped_modules_are_there():
    def step(fc, x):
        assert isinstance(fc, eqx.nn.Linear)
        return fc(x) + fc.weight @ x

    model, x = Holds(linear(3, 4, use_bias=False), step), data(3)
    assert np.allclose(run_alone(jax_to_nir(model, x), x), model(x), rtol=1e-6)


@pytest.mark.parametrize("wrap", [jax.jit, eqx.filter_jit, jax.checkpoint, eqx.filter_checkpoint])
def test_calls_within_transformations_are_seen(wrap):
    def step(fc, x):
        return wrap(lambda z: 2.0 * fc(z))(x) + wrap(lambda z: fc(z))(x)

    model, x = Holds(linear(3, 4), step), data(3)
    graph = jax_to_nir(model, x)
    assert [n for n in graph.nodes if n.startswith("module")] == ["module", "module_1"]
    assert np.allclose(run_alone(graph, x), model(x), rtol=1e-6)


@pytest.mark.parametrize("jit", [jax.jit, eqx.filter_jit])
def test_a_compiled_method_is_seen(jit):
    class Compiled(eqx.Module):
        a: eqx.nn.Linear
        b: eqx.nn.Linear

        @jit
        def __call__(self, x):
            return self.b(self.a(x))

    model = Compiled(linear(3, 4), linear(4, 4, 1))
    x = data(3)
    jax_to_nir(model, x)
    graph = jax_to_nir(model, x)  # this time, JAX knows the method
    assert list(graph.nodes) == ["input", "a", "b", "output"]
    assert np.allclose(run_alone(graph, x), model.b(model.a(x)), rtol=1e-6)
    again = jax_to_nir(eqx.tree_at(lambda m: m.a, model, linear(3, 4, 5)), x)
    assert np.array_equal(again.nodes["a"].weight, linear(3, 4, 5).weight)


# -- maps ---------------------------------------------------------------------------------


class MyLinear(eqx.nn.Linear):
    pass


def test_a_subclass_of_a_mapped_class_is_mapped():
    model = Block((MyLinear(3, 4, key=jax.random.key(0)), linear(4, 4)))
    assert type(jax_to_nir(model, jnp.ones(3)).nodes["layers.0"]) is nir.Affine


def test_the_users_map_wins():
    mine = {eqx.nn.Linear: lambda m: nir.Linear(np.zeros(m.weight.shape, np.float32))}
    graph = jax_to_nir(nested(), jnp.ones(3), mine)
    assert not any(node.weight.any() for node in inner(graph))
    with pytest.raises(nirx.UnsupportedError, match=r"eqx\.nn\.Linear at block\.layers\.0 has no"):
        jax_to_nir(nested(), jnp.ones(3), default_map=None)


@pytest.mark.parametrize("entry", [None, lambda module: None])
def test_none_bypasses_a_module(entry):
    class Scaled(eqx.Module):
        factor: float = 2.0

        def __call__(self, x):
            return x * self.factor

    model = Block((linear(3, 4), Scaled(), linear(4, 4)))
    graph = jax_to_nir(model, jnp.ones(3), {Scaled: entry})
    assert graph.edges[1] == ("layers.0", "layers.2")
    with pytest.raises(nirx.UnsupportedError, match=r"layers\.0 is bypassed but gives shape"):
        jax_to_nir(model, jnp.ones(3), {eqx.nn.Linear: entry})


def test_an_exporter_may_give_a_graph_and_jax_arrays():
    def pair(module):
        nodes = {
            "input": nir.Input(np.array([3])),
            "w": nir.Linear(module.weight),
            "output": nir.Output(np.array([4])),
        }
        return nir.NIRGraph(nodes, [("input", "w"), ("w", "output")])

    graph = jax_to_nir(Block((linear(3, 4), eqx.nn.Identity())), jnp.ones(3), {eqx.nn.Linear: pair})
    own = graph.nodes["layers.0"]
    assert type(own.nodes["w"].weight) is np.ndarray
    nirx.check(graph)


def test_a_node_of_another_shape_than_its_module_is_refused():
    wrong = {eqx.nn.Linear: lambda m: nir.Linear(np.ones((5, 3), np.float32))}
    text = r"layers\.0 has a node that gives shape \(5,\)"
    with pytest.raises(nirx.UnsupportedError, match=text):
        jax_to_nir(Block((linear(3, 4),)), jnp.ones(3), wrong)


# -- what cannot be traced ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda fc, x: x + fc(jnp.ones(4)), "module is applied to a constant,"),
        (
            lambda fc, x: x * jax.lax.scan(lambda c, _: (fc(c), None), jnp.ones(4), None, 2)[0],
            "module is applied to constants",
        ),
        (lambda fc, x: jax.grad(lambda z: fc(z)[0])(x), "module is differentiated"),
        (lambda fc, x: jax.vmap(fc)(x[None])[0], r"module is called under jax\.vmap"),
    ],
    ids=["constant", "loop", "gradient", "vmap"],
)
def test_calls_that_have_no_node_are_refused_by_name(call, text):
    with pytest.raises(nirx.UnsupportedError, match=text):
        jax_to_nir(Holds(linear(4, 4), call), jnp.ones(4))


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (eqx.nn.GRUCell(3, 3, key=jax.random.key(0)), (3,)),
        (eqx.nn.LayerNorm(3), (3,)),
        (eqx.nn.PReLU(), (3,)),
        (eqx.nn.MaxPool1d(2), (1, 4)),
        (eqx.nn.ConvTranspose1d(1, 1, 2, key=jax.random.key(0)), (1, 4)),
    ],
)
def test_a_module_of_equinox_without_entry_is_refused_by_its_place(module, shape):
    model = Holds(module, lambda m, x: m(x, x) if isinstance(m, eqx.nn.GRUCell) else m(x))
    text = rf"eqx\.nn\.{type(module).__name__} at module has"
    with pytest.raises(nirx.UnsupportedError, match=text):
        jax_to_nir(model, jnp.ones(shape))


@pytest.mark.parametrize(
    ("module", "example", "options", "text"),
    [
        ("a model", jnp.ones(3), {}, r"expected an equinox\.Module"),
        (nested(), "x", {}, "example_input holds a str"),
        (nested(), jnp.ones(3), {"example_state": jnp.ones(3)}, "leave out example_state"),
        (nested(), jnp.ones(3), {"module_map": {"Linear": None}}, "module_map"),
    ],
)
def test_wrong_arguments_are_refused(module, example, options, text):
    with pytest.raises(nirx.InputError, match=text):
        jax_to_nir(module, example, **options)


# -- several inputs and outputs -----------------------------------------------------------


class Two(eqx.Module):
    a: eqx.nn.Linear
    b: eqx.nn.Linear

    def __call__(self, left: jax.Array, right: jax.Array) -> Any:
        y = self.a(left) + self.b(right)
        return {"sum": y, "left": self.a(left)}


@pytest.mark.parametrize(
    "example",
    [(jnp.ones(3), jnp.ones(5)), {"right": jnp.ones(5), "left": jnp.ones(3)}],
    ids=["tuple", "dict"],
)
def test_several_inputs_and_outputs(example):
    model = Two(linear(3, 4), linear(5, 4, 1))
    graph = jax_to_nir(model, example)
    assert sorted(ports(graph)) == ["left", "left_1", "right", "sum"]
    left, right = data(3), data(5, seed=1)
    found = nirx.from_nir(graph, backend="numpy")({"left": left, "right": right})[0]
    expected = model(left, right)
    assert np.allclose(found["sum"], expected["sum"], rtol=1e-6)
    assert np.allclose(found["left_1"], expected["left"], rtol=1e-6)


def test_an_argument_may_be_a_tree():
    model = Holds(linear(3, 4), lambda fc, x: fc(x["a"]) + fc(x["b"][0]))
    graph = jax_to_nir(model, {"x": {"a": jnp.ones(3), "b": (jnp.ones(3),)}})
    assert ports(graph, nir.Input) == ["x.a", "x.b.0"]


def test_outputs_of_a_tuple_are_numbered():
    graph = graph_of(lambda x: (x, (2 * x,)))
    assert ports(graph, nir.Output) == ["output_0", "output_1_0"]


@pytest.mark.parametrize("gives", [lambda x: jnp.ones(3), lambda x: (x, 1.0)])
def test_a_constant_output_is_refused(gives):
    with pytest.raises(nirx.UnsupportedError, match="is a constant"):
        graph_of(gives)
