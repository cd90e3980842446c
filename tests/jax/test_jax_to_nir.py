"""jax_to_nir: tracing one step of an Equinox module."""

# nir's own annotations are narrower than what it accepts; equinox's __call__ differ by design.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false

from __future__ import annotations

import inspect
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import nirx
import nirx_jax
from nirx_jax import jax_to_nir
from support.graphs import varied_lif

RULE = nirx.Discretization(dt=1e-3)


def linear(takes: int, gives: int, seed: int = 0, **options: Any) -> eqx.nn.Linear:
    return eqx.nn.Linear(takes, gives, key=jax.random.key(seed), **options)


def full(value: float, size: int = 4) -> np.ndarray:
    return np.full(size, value, np.float32)


class LIF(eqx.Module):
    """A user's own neuron: forward Euler with dt = 1e-3, reset to 0."""

    tau: jax.Array
    threshold: float = 0.1

    def __call__(self, x: jax.Array, state: Any = None) -> Any:
        v = jnp.zeros_like(x) if state is None else state
        v = v + 1e-3 * ((-v + x) / self.tau)
        spikes = jnp.where(v > self.threshold, 1.0, 0.0)
        return spikes, jnp.where(spikes == 1.0, 0.0, v)


def lif_node(module: LIF) -> nir.NIRNode:
    size = module.tau.shape[0]
    return nir.LIF(module.tau, full(1.0, size), full(0.0, size), full(module.threshold, size))


MAP = {LIF: lif_node}


def lif(size: int = 4) -> LIF:
    return LIF(jnp.linspace(4e-3, 8e-3, size))


class Function(eqx.Module):
    """A function between a Linear and the output."""

    fc: eqx.nn.Linear
    function: Any = eqx.field(static=True)

    def __call__(self, x: jax.Array) -> Any:
        return self.function(self.fc(x))


def apply(function: Any, shape: tuple[int, ...] = (4,)) -> nir.NIRGraph:
    """A function between an Identity and the output."""

    class Plain(eqx.Module):
        identity: eqx.nn.Identity

        def __call__(self, x: jax.Array) -> Any:
            return function(self.identity(x))

    return jax_to_nir(Plain(eqx.nn.Identity()), jnp.ones(shape))


def run(graph: nir.NIRGraph, *xs: np.ndarray) -> Any:
    """One step of it on NumPy, in float32."""
    net = nirx.from_nir(graph, backend="numpy", discretization=RULE)
    names = [n for n, node in graph.nodes.items() if isinstance(node, nir.Input)]
    return net(xs[0] if len(xs) == 1 else dict(zip(names, xs, strict=True)))[0]


def inner(graph: nir.NIRGraph) -> list[Any]:
    """The nodes without the ports."""
    return [n for n in graph.nodes.values() if not isinstance(n, nir.Input | nir.Output)]


def data(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


# -- modules, names, edges ----------------------------------------------------------------


class Block(eqx.Module):
    layers: tuple

    def __call__(self, x: jax.Array) -> jax.Array:
        for layer in self.layers:
            x = layer(x)
        return x


class Nested(eqx.Module):
    block: Block
    heads: dict

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.heads["main"](self.block(x))


def nested() -> Nested:
    return Nested(Block((linear(3, 4), linear(4, 4, 1))), {"main": linear(4, 2, 2)})


def test_names_are_places_in_the_pytree():
    graph = jax_to_nir(nested(), jnp.ones(3))
    assert list(graph.nodes) == [
        "input",
        "block.layers.0",
        "block.layers.1",
        "heads.main",
        "output",
    ]
    assert graph.edges == [
        ("input", "block.layers.0"),
        ("block.layers.0", "block.layers.1"),
        ("block.layers.1", "heads.main"),
        ("heads.main", "output"),
    ]
    nirx.check(graph)


def test_a_shape_is_enough_as_example():
    model = nested()
    by_shape = jax_to_nir(model, jax.ShapeDtypeStruct((3,), jnp.float32))
    by_array = jax_to_nir(model, np.ones(3))
    assert nirx.check(by_shape) == nirx.check(by_array)
    assert list(by_shape.nodes) == list(by_array.nodes)
    assert by_shape.edges == by_array.edges


def test_subgraphs_keep_the_nesting():
    graph = jax_to_nir(nested(), jnp.ones(3), subgraphs=True)
    assert set(graph.nodes) == {"input", "block", "heads", "output"}
    assert isinstance(graph.nodes["block"].nodes["layers"], nir.NIRGraph)
    x = data(3)
    assert np.array_equal(run(graph, x), run(jax_to_nir(nested(), x), x))


def test_the_graph_shares_no_memory_and_keeps_the_dtype():
    with jax.enable_x64(True):
        model = Block((linear(3, 4, dtype=jnp.float64), linear(4, 4, dtype=jnp.float64)))
        before = [np.array(leaf) for leaf in jax.tree.leaves(model)]
        graph = jax_to_nir(model, jnp.ones(3))
        node = graph.nodes["layers.0"]
        assert node.weight.dtype == np.float64
        node.weight[...] = 7
        assert all(map(np.array_equal, before, jax.tree.leaves(model)))
    assert jax_to_nir(nested(), jnp.ones(3)).nodes["heads.main"].weight.dtype == np.float32


def test_a_root_that_the_map_knows_gives_its_node():
    node = jax_to_nir(linear(3, 4), jnp.ones(3))
    assert type(node) is nir.Affine
    assert np.array_equal(node.weight, linear(3, 4).weight)


def test_two_calls_of_a_module_give_two_nodes_that_name_it():
    class Twice(eqx.Module):
        fc: eqx.nn.Linear

        def __call__(self, x):
            return self.fc(self.fc(x))

    graph = jax_to_nir(Twice(linear(4, 4)), jnp.ones(4))
    assert list(graph.nodes) == ["input", "fc", "fc_1", "output"]
    assert [graph.nodes[n].metadata["nirx_module"] for n in ("fc", "fc_1")] == ["fc", "fc"]


def test_one_module_at_two_places_is_shared():
    fc = linear(4, 4)
    graph = jax_to_nir(Block((fc, linear(4, 4, 1), fc)), jnp.ones(4))
    found = {n: node.metadata.get("nirx_module") for n, node in graph.nodes.items()}
    assert found["layers.0"] == found["layers.2"] == "layers.0"
    assert found["layers.1"] is None


def test_equinox_shared_modules_are_shared():
    class Tied(eqx.Module):
        shared: eqx.nn.Shared

        def __call__(self, x):
            a, b = self.shared()
            return b(a(x))

    pair = linear(4, 4), linear(4, 4)
    model = Tied(eqx.nn.Shared(pair, lambda p: p[1], lambda p: p[0]))
    graph = jax_to_nir(model, jnp.ones(4))
    assert list(graph.nodes) == ["input", "shared.0", "shared.1", "output"]
    assert graph.nodes["shared.1"].metadata["nirx_module"] == "shared.0"
    weights = Tied(eqx.nn.Shared(pair, lambda p: p[1].weight, lambda p: p[0].weight))
    graph = jax_to_nir(weights, jnp.ones(4))
    assert np.array_equal(graph.nodes["shared.1"].weight, pair[0].weight)
    assert "nirx_module" not in graph.nodes["shared.1"].metadata


def test_attributes_of_mapped_modules_are_there():
    class Weighty(eqx.Module):
        fc: eqx.nn.Linear

        def __call__(self, x):
            assert isinstance(self.fc, eqx.nn.Linear)
            return self.fc(x) + self.fc.weight @ x

    model = Weighty(linear(3, 4, use_bias=False))
    x = data(3)
    assert np.allclose(run(jax_to_nir(model, x), x), model(x), rtol=1e-6)


@pytest.mark.parametrize("wrap", [jax.jit, eqx.filter_jit, jax.checkpoint, eqx.filter_checkpoint])
def test_calls_within_transformations_are_seen(wrap):
    class Wrapped(eqx.Module):
        fc: eqx.nn.Linear

        def __call__(self, x):
            return wrap(lambda z: 2.0 * self.fc(z))(x) + wrap(lambda z: self.fc(z))(x)

    model = Wrapped(linear(3, 4))
    x = data(3)
    graph = jax_to_nir(model, x)
    assert [n for n in graph.nodes if n.startswith("fc")] == ["fc", "fc_1"]
    assert np.allclose(run(graph, x), model(x), rtol=1e-6)


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
    assert np.allclose(run(graph, x), model.b(model.a(x)), rtol=1e-6)
    again = jax_to_nir(eqx.tree_at(lambda m: m.a, model, linear(3, 4, 5)), x)
    assert np.array_equal(again.nodes["a"].weight, linear(3, 4, 5).weight)


def test_what_no_output_depends_on_is_left_out():
    def function(x):
        jnp.exp(x)
        return x

    assert list(apply(function).nodes) == ["input", "output"]


# -- maps ---------------------------------------------------------------------------------


class MyLinear(eqx.nn.Linear):
    pass


def test_a_subclass_is_found_along_its_bases():
    model = Block((MyLinear(3, 4, key=jax.random.key(0)), linear(4, 4)))
    assert type(jax_to_nir(model, jnp.ones(3)).nodes["layers.0"]) is nir.Affine


def test_the_users_map_wins():
    mine = {eqx.nn.Linear: lambda m: nir.Linear(np.zeros(m.weight.shape, np.float32))}
    graph = jax_to_nir(nested(), jnp.ones(3), mine)
    assert not any(node.weight.any() for node in inner(graph))
    with pytest.raises(nirx.UnsupportedError, match=r"eqx\.nn\.Linear at block\.layers\.0 has no"):
        jax_to_nir(nested(), jnp.ones(3), default_map=None)


@pytest.mark.parametrize("entry", [None, lambda module: None])
def test_bypass(entry):
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
    with pytest.raises(
        nirx.UnsupportedError, match=r"layers\.0 has a node that gives shape \(5,\)"
    ):
        jax_to_nir(Block((linear(3, 4),)), jnp.ones(3), wrong)


# -- functional forms ---------------------------------------------------------------------

FACTOR = jnp.array([1.0, -2.0, 0.5, 3.0])
MATRIX = jnp.arange(12.0).reshape(3, 4) / 7
KERNEL1 = jnp.arange(12.0).reshape(2, 2, 3) / 5
KERNEL2 = jnp.arange(36.0).reshape(3, 2, 2, 3) / 9


def conv(x: jax.Array, kernel: jax.Array, padding: Any = "VALID", **options: Any) -> jax.Array:
    stride = (1,) * (kernel.ndim - 2)
    return jax.lax.conv_general_dilated(x[None], kernel, stride, padding, **options)[0]


FORMS = {
    "identity": (lambda x: x + 0.0, (4,), []),
    "sum": (lambda x: x + x, (4,), ["Scale"]),
    "difference": (lambda x: x * 3 - x, (4,), ["Scale", "Scale"]),
    "negation": (lambda x: -x, (4,), ["Scale"]),
    "constant minus": (lambda x: MATRIX[:, 0] - MATRIX @ x, (4,), ["Affine", "Scale"]),
    "factor": (lambda x: x * FACTOR, (4,), ["Scale"]),
    "factor before": (lambda x: 0.3 * x, (4,), ["Scale"]),
    "bias per channel": (
        lambda x: conv(x, KERNEL2) + jnp.arange(3.0)[:, None, None] * jnp.ones((3, 4, 4)),
        (2, 5, 6),
        ["Conv2d"],
    ),
    "row of factors": (lambda x: x * FACTOR[None], (2, 4), ["Scale"]),
    "half": (lambda x: x / 2, (4,), ["Scale"]),
    "quarters": (lambda x: x / jnp.array([4.0, -4.0, 8.0, 1.0]), (4,), ["Scale"]),
    "matrix": (lambda x: MATRIX @ x, (4,), ["Linear"]),
    "matrix behind": (lambda x: x @ MATRIX.T, (4,), ["Linear"]),
    "row": (lambda x: (x[None] @ MATRIX.T)[0], (4,), ["Linear"]),
    "einsum": (lambda x: jnp.einsum("ij,j->i", MATRIX, x), (4,), ["Linear"]),
    "bias": (lambda x: MATRIX @ x + MATRIX[:, 0], (4,), ["Affine"]),
    "one bias": (lambda x: MATRIX @ x - 0.25, (4,), ["Affine"]),
    "ravel": (jnp.ravel, (2, 3, 4), ["Flatten"]),
    "reshape": (lambda x: x.reshape(2, -1), (2, 3, 4), ["Flatten"]),
    "two joins": (lambda x: x.reshape(6, 20), (2, 3, 4, 5), ["Flatten", "Flatten"]),
    "squeeze": (lambda x: jnp.squeeze(x), (2, 1, 4), ["Flatten"]),
    "same shape": (lambda x: x.reshape(2, 3), (2, 3), []),
    "axis and back": (lambda x: jnp.expand_dims(x, 0).squeeze(0), (4,), []),
    "conv1d": (lambda x: conv(x, KERNEL1), (2, 7), ["Conv1d"]),
    "conv1d same": (lambda x: conv(x, KERNEL1[:, :, :2], "SAME"), (2, 7), ["Conv1d"]),
    "conv2d": (lambda x: conv(x, KERNEL2, [(1, 1), (2, 2)]), (2, 5, 6), ["Conv2d"]),
    "conv2d dilated": (lambda x: conv(x, KERNEL2, rhs_dilation=(2, 1)), (2, 5, 6), ["Conv2d"]),
    "conv2d groups": (
        lambda x: conv(x, KERNEL2[:2, :1], feature_group_count=2),
        (2, 5, 6),
        ["Conv2d"],
    ),
    "conv2d bias": (
        lambda x: conv(x, KERNEL2) + jnp.array([1.0, 2.0, 3.0])[:, None, None],
        (2, 5, 6),
        ["Conv2d"],
    ),
    "float": (lambda x: x.astype(jnp.float32) * jnp.float32(2), (4,), ["Scale"]),
    "stop": (lambda x: jnp.copy(jax.lax.stop_gradient(x)), (4,), []),
    "constants": (lambda x: x * jnp.exp(jnp.linspace(0.0, 1.0, 4)).cumsum(), (4,), ["Scale"]),
    "constant loop": (
        lambda x: x * jax.lax.fori_loop(0, 3, lambda i, a: a * 1.5, jnp.ones(4)),
        (4,),
        ["Scale"],
    ),
    "inlined": (lambda x: eqx.filter_jit(lambda z: jax.jit(jnp.negative)(z))(x), (4,), ["Scale"]),
}


@pytest.mark.parametrize("name", FORMS)
def test_functional_forms(name):
    function, shape, kinds = FORMS[name]
    graph = apply(function, shape)
    assert [type(node).__name__ for node in inner(graph)] == kinds
    x = data(*shape)
    assert np.allclose(run(graph, x), function(jnp.asarray(x)), rtol=1e-5, atol=1e-6)
    nirx.check(graph)


def test_flatten_names_its_axes():
    node = apply(lambda x: x.reshape(2, -1), (2, 3, 4)).nodes["flatten"]
    assert (node.start_dim, node.end_dim) == (1, 2)


def twice(x: jax.Array) -> jax.Array:
    return x * x


@jax.custom_jvp
def surrogate(x: jax.Array) -> jax.Array:
    return jnp.sign(x)


surrogate.defjvps(lambda tangent, _, x: tangent)


REFUSED = {
    "relu/max": jax.nn.relu,
    "surrogate/sign": surrogate,
    "mul": twice,
    "div": lambda x: x / 3,
    "div by a value": lambda x: 1 / x,
    "add": lambda x: x + 1.0,
    "transpose": lambda x: x.T,
    "reshape": lambda x: x.reshape(6, 2),
    "broadcast_in_dim": lambda x: jnp.broadcast_to(x[None], (2, 4)),
    "convert_element_type": lambda x: x.astype(jnp.int32),
    "dot_general": lambda x: x @ x,
    "scan": lambda x: jax.lax.scan(lambda c, y: (c + y, y), 0.0, x)[0],
    "cond": lambda x: jax.lax.cond(True, jnp.negative, lambda y: y, x),
    "slice": lambda x: x[1:3],
    "conv_general_dilated": lambda x: conv(x, jnp.ones((2, 2, 2)), [(1, 0)]),
    "reduce_sum": jnp.sum,
    "add by itself": lambda x: x[None] + x[:, None],
    "mul by rows": lambda x: x * jnp.ones((3, 1)),
}
SHAPES = {"transpose": (2, 3), "reshape": (3, 4), "conv_general_dilated": (2, 5)}


@pytest.mark.parametrize("name", REFUSED)
def test_what_nir_cannot_say_is_refused_with_its_line(name):
    with pytest.raises(nirx.UnsupportedError) as caught:
        apply(REFUSED[name], SHAPES.get(name, (4,)))
    text = str(caught.value)
    assert text.startswith(name.split(" by ")[0])
    assert " at test_jax_to_nir.py:" in text


def test_the_line_is_the_users_own():
    line = inspect.getsourcelines(twice)[1] + 1
    with pytest.raises(
        nirx.UnsupportedError, match=f"^mul at test_jax_to_nir.py:{line} multiplies"
    ):
        apply(twice)
    with pytest.raises(nirx.UnsupportedError, match=f"twice/mul at test_jax_to_nir.py:{line} mult"):
        apply(jax.jit(twice))


def test_a_library_function_has_the_line_that_calls_it():
    def first(x):
        return jax.nn.silu(x)

    def second(x):
        return jax.nn.silu(x)

    for function in (first, second, first):
        line = inspect.getsourcelines(function)[1] + 1
        with pytest.raises(nirx.UnsupportedError, match=f"at test_jax_to_nir.py:{line} has no NIR"):
            apply(function)


def test_an_operation_in_equinox_names_the_model():
    model = eqx.nn.Sequential([eqx.nn.Linear(3, 4, key=jax.random.key(0)), eqx.nn.Lambda(jnp.tanh)])
    with pytest.raises(nirx.UnsupportedError, match=r"^tanh (in Sequential|at )"):
        jax_to_nir(model, jnp.ones(3))


@pytest.mark.parametrize(
    "function",
    [lambda x: x if x.sum() > 0 else -x, np.asarray, lambda x: x[x > 0]],
    ids=["if", "numpy", "mask"],
)
def test_control_flow_on_data_is_refused(function):
    with pytest.raises(nirx.UnsupportedError, match="branches or loops on the values"):
        apply(function)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda fc, x: x + fc(jnp.ones(4)), "fc is applied to a constant,"),
        (
            lambda fc, x: x * jax.lax.scan(lambda c, _: (fc(c), None), jnp.ones(4), None, 2)[0],
            "fc is applied to constants",
        ),
        (lambda fc, x: jax.grad(lambda z: fc(z)[0])(x), "fc is differentiated"),
    ],
    ids=["constant", "loop", "gradient"],
)
def test_calls_of_modules_that_are_no_node_are_refused_by_name(call, text):
    class Calls(eqx.Module):
        fc: eqx.nn.Linear

        def __call__(self, x):
            return call(self.fc, x)

    with pytest.raises(nirx.UnsupportedError, match=text):
        jax_to_nir(Calls(linear(4, 4)), jnp.ones(4))


def test_vmap_of_a_module_is_refused_by_name():
    class Mapped(eqx.Module):
        fc: eqx.nn.Linear

        def __call__(self, x):
            return jax.vmap(self.fc)(x)

    with pytest.raises(nirx.UnsupportedError, match=r"fc is called under jax\.vmap"):
        jax_to_nir(Mapped(linear(3, 4)), jnp.ones((5, 3)))


def test_an_added_axis_is_refused_where_it_matters():
    with pytest.raises(nirx.UnsupportedError, match=r"output 'output': axes of size 1"):
        apply(lambda x: x[None])


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
    class Holds(eqx.Module):
        cell: Any

        def __call__(self, x):
            return self.cell(x, x) if isinstance(self.cell, eqx.nn.GRUCell) else self.cell(x)

    with pytest.raises(
        nirx.UnsupportedError, match=rf"eqx\.nn\.{type(module).__name__} at cell has"
    ):
        jax_to_nir(Holds(module), jnp.ones(shape))


def test_not_a_module_or_not_an_example():
    with pytest.raises(nirx.InputError, match=r"expected an equinox\.Module"):
        jax_to_nir(lambda x: x, jnp.ones(3))
    with pytest.raises(nirx.InputError, match="example_input holds a str"):
        jax_to_nir(nested(), "x")
    with pytest.raises(nirx.InputError, match="leave out example_state"):
        jax_to_nir(nested(), jnp.ones(3), example_state=jnp.ones(3))
    with pytest.raises(nirx.InputError, match="module_map"):
        jax_to_nir(nested(), jnp.ones(3), {"Linear": None})


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
    ports = [n for n, node in graph.nodes.items() if isinstance(node, nir.Input | nir.Output)]
    assert sorted(ports) == ["left", "left_1", "right", "sum"]
    left, right = data(3), data(5, seed=1)
    found = nirx.from_nir(graph, backend="numpy")({"left": left, "right": right})[0]
    expected = model(left, right)
    assert np.allclose(found["sum"], expected["sum"], rtol=1e-6)
    assert np.allclose(found["left_1"], expected["left"], rtol=1e-6)


def test_an_argument_may_be_a_tree():
    class Tree(eqx.Module):
        fc: eqx.nn.Linear

        def __call__(self, x):
            return self.fc(x["a"]) + self.fc(x["b"][0])

    graph = jax_to_nir(Tree(linear(3, 4)), {"x": {"a": jnp.ones(3), "b": (jnp.ones(3),)}})
    ports = [n for n, node in graph.nodes.items() if isinstance(node, nir.Input)]
    assert ports == ["x.a", "x.b.0"]


def test_outputs_of_a_tuple_are_numbered():
    graph = apply(lambda x: (x, (2 * x,)))
    assert {"output_0", "output_1_0"} <= set(graph.nodes)


@pytest.mark.parametrize("gives", [lambda x: jnp.ones(3), lambda x: (x, 1.0)])
def test_a_constant_output_is_refused(gives):
    with pytest.raises(nirx.UnsupportedError, match="is a constant"):
        apply(gives)


# -- state --------------------------------------------------------------------------------


class Cell(eqx.Module):
    """As a user would write it: a residual branch, a shared Linear, a LIF cell with feedback."""

    encode: eqx.nn.Linear
    mix: eqx.nn.Linear
    recurrent: eqx.nn.Linear
    neuron: LIF
    readout: eqx.nn.Linear

    def __init__(self, key: jax.Array):
        keys = jax.random.split(key, 4)
        self.encode = eqx.nn.Linear(3, 4, key=keys[0])
        self.mix = eqx.nn.Linear(4, 4, key=keys[1])
        self.recurrent = eqx.nn.Linear(4, 4, use_bias=False, key=keys[2])
        self.neuron = lif()
        self.readout = eqx.nn.Linear(4, 2, key=keys[3])

    def init_state(self, batch_shape: tuple = ()) -> dict:
        zeros = jnp.zeros((*batch_shape, 4))
        return {"v": zeros, "spikes": zeros}

    def __call__(self, x: jax.Array, state: dict) -> tuple[jax.Array, dict]:
        h = self.encode(x)
        h = h + self.mix(self.mix(h))
        spikes, v = self.neuron(h + self.recurrent(state["spikes"]), state["v"])
        return self.readout(spikes), {"v": v, "spikes": spikes}


def test_a_users_cell_goes_there_and_back_with_identical_spikes():
    model = Cell(jax.random.key(3))
    graph = jax_to_nir(model, jnp.ones(3), MAP, discretization=RULE)
    nirx.check(graph)
    assert not any(isinstance(node, nir.Delay) for node in graph.nodes.values())
    assert ("neuron", "recurrent") in graph.edges
    assert graph.nodes["mix"].metadata["nirx_module"] == "mix"
    xs = 3 * data(60, 3) + 0.5
    state, ys, spikes = model.init_state(), [], []
    for x in xs:
        y, state = model(x, state)
        ys.append(y)
        spikes.append(state["spikes"])
    assert 20 < np.sum(spikes) < 220
    for backend in ("jax", "numpy"):
        net = nirx.from_nir(graph, backend=backend)
        found, _, recorded = net.run(xs, record=["neuron"])
        assert np.array_equal(recorded["neuron"], spikes)
        assert np.allclose(found, ys, rtol=1e-6, atol=1e-7)
    back = nirx_jax.from_nir(graph)
    assert back.modules_by_path["mix"] is back.modules_by_path["mix_1"]


class Started(eqx.Module):
    """The state is None before the first step, and what the step gives afterwards."""

    fc: eqx.nn.Linear
    cell: nirx_jax.NativeNode

    def __call__(self, x, state=None):
        y, state = self.cell(self.fc(x), state)
        return y, state


def native() -> nirx_jax.NativeNode:
    return nirx_jax.nir_to_jax(varied_lif(), discretization=RULE)


def test_a_state_of_none_tells_its_structure_by_a_step():
    graph = jax_to_nir(Started(linear(3, 4), native()), jnp.ones(3))
    assert graph.edges == [("input", "fc"), ("fc", "cell"), ("cell", "output")]
    assert np.array_equal(graph.nodes["cell"].tau, varied_lif().tau)


def test_example_state_tells_the_structure():
    class Strict(eqx.Module):
        fc: eqx.nn.Linear
        cell: nirx_jax.NativeNode

        def __call__(self, x, state):
            y, own = self.cell(self.fc(x), state["own"])
            return y, {"own": own}

    model = Strict(linear(3, 4), native())
    with pytest.raises(nirx.InputError, match="pass example_state"):
        jax_to_nir(model, jnp.ones(3))
    for own in (None, {"v": jnp.zeros(4)}):
        graph = jax_to_nir(model, jnp.ones(3), example_state={"own": own})
        assert list(graph.nodes) == ["input", "fc", "cell", "output"]


def test_a_module_without_its_state_warns():
    class Forgets(eqx.Module):
        cell: nirx_jax.NativeNode

        def __call__(self, x):
            return self.cell(x, None)[0]

    with pytest.warns(nirx.NirxWarning, match="cell is called without the previous step"):
        graph = jax_to_nir(Forgets(native()), jnp.ones(4))
    assert list(graph.nodes) == ["input", "cell", "output"]


def test_equinox_states_pass_through_the_layers_that_do_not_own_them():
    class Layer(eqx.nn.StatefulLayer):
        index: eqx.nn.StateIndex
        cell: LIF

        def __init__(self):
            self.index, self.cell = eqx.nn.StateIndex(jnp.zeros(4)), lif()

        def __call__(self, x, state, *, key=None):
            y, v = self.cell(x, state.get(self.index))
            return y, state.set(self.index, v)

    def build(key):
        layers = [Layer(), eqx.nn.Linear(4, 4, key=key), Layer()]
        return eqx.nn.Sequential(layers)

    model, state = eqx.nn.make_with_state(build)(jax.random.key(0))
    for own in ({Layer: lambda m: lif_node(m.cell)}, MAP):
        graph = jax_to_nir(model, jnp.ones(4), own, example_state=state)
        assert [type(n).__name__ for n in inner(graph)] == ["LIF", "Affine", "LIF"]
        assert len(graph.edges) == 4


def test_stop_gradient_of_a_state_is_nothing():
    class Truncated(Started):
        def __call__(self, x, state=None):
            y, state = self.cell(self.fc(x), jax.lax.stop_gradient(state))
            return y, jax.lax.stop_gradient(state)

    graph = jax_to_nir(Truncated(linear(3, 4), native()), jnp.ones(3))
    assert list(graph.nodes) == ["input", "fc", "cell", "output"]


class Delayed(eqx.Module):
    fc: eqx.nn.Linear

    def init_state(self, batch_shape):
        return jnp.zeros(4), jnp.zeros(4)

    def __call__(self, x, state):
        y = self.fc(x)
        return y + state[1], (y, state[0])


def test_loops_that_would_not_be_read_back_get_a_delay():
    model = Delayed(linear(3, 4))
    graph = jax_to_nir(model, jnp.ones(3), discretization=RULE)
    delays = [node for node in inner(graph) if isinstance(node, nir.Delay)]
    assert [node.delay.tolist() for node in delays] == [[1e-3] * 4] * 2
    xs, state, ys = data(6, 3), model.init_state(()), []
    for x in xs:
        y, state = model(x, state)
        ys.append(y)
    for backend in ("jax", "numpy"):
        found, _ = nirx.from_nir(graph, backend=backend).run(xs)
        assert np.allclose(found, ys, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("jit", [lambda function: function, eqx.filter_jit])
def test_state_that_no_output_depends_on_is_left_out(jit):
    class Counts(eqx.Module):
        fc: eqx.nn.Linear

        @jit
        def __call__(self, x, state):
            y = self.fc(x + state["back"])
            return y, {"steps": state["steps"] + 1, "last": 2 * x, "back": y}

    zero = jnp.zeros(3)
    state = {"steps": jnp.zeros((), jnp.int32), "last": zero, "back": zero}
    model = Counts(linear(3, 3))
    graph = jax_to_nir(model, zero, example_state=state, discretization=RULE)
    assert list(graph.nodes) == ["input", "fc", "output", "state.back.delay"]


ACCUMULATORS = {
    "sum": lambda fc, x, s: (s + fc(x),) * 2,
    "leaky": lambda fc, x, s: (s, 0.5 * s + fc(x)),
    "difference": lambda fc, x, s: (fc(x - s), 0.75 * s + 0.25 * x),
    "input": lambda fc, x, s: (fc(x) + s, x),
}


class Accumulator(eqx.Module):
    fc: eqx.nn.Linear
    step: Any = eqx.field(static=True)

    def __call__(self, x, state):
        return self.step(self.fc, x, state)


@pytest.mark.parametrize("name", ACCUMULATORS)
def test_state_that_feeds_itself(name):
    model = Accumulator(linear(4, 4), ACCUMULATORS[name])
    state, ys, xs = jnp.zeros(4), [], data(6, 4)
    graph = jax_to_nir(model, xs[0], example_state=state, discretization=RULE)
    for x in xs:
        y, state = model(x, state)
        ys.append(y)
    found, _ = nirx.from_nir(graph, backend="numpy").run(xs)
    assert np.allclose(found, ys, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (lambda fc, x, s: (fc(x) + s, s), "state is read, but no step ever changes it"),
        (lambda fc, x, s: (fc(x) + s, jnp.ones(4)), "state: the step leaves a constant there"),
        (lambda fc, x, s: (fc(x) + s, ()), "state: the call reads it but leaves no value"),
        (lambda fc, x, s: fc(x) + s, "takes a state but gave"),
    ],
)
def test_state_that_is_not_left_behind_is_refused(step, text):
    with pytest.raises((nirx.UnsupportedError, nirx.InputError), match=text):
        jax_to_nir(Accumulator(linear(4, 4), step), jnp.ones(4), example_state=jnp.zeros(4))


def test_a_loop_that_starts_elsewhere_warns():
    state = jnp.zeros(4), jnp.ones(4)
    with pytest.warns(nirx.NirxWarning, match=r"state\.1 does not start at zero"):
        jax_to_nir(Delayed(linear(3, 4)), jnp.ones(3), example_state=state, discretization=RULE)


def test_a_start_elsewhere_beside_a_state_of_none_warns():
    class Beside(Started):
        def __call__(self, x, state=None):
            assert state is not None
            y, own = self.cell(self.fc(x) + state["back"], state["own"])
            return y, {"own": own, "back": y}

    model = Beside(linear(3, 4), native())
    state = {"own": None, "back": jnp.ones(4)}
    with pytest.warns(nirx.NirxWarning, match=r"state\.back does not start at zero"):
        jax_to_nir(model, jnp.ones(3), example_state=state, discretization=RULE)


class TwoCells(eqx.Module):
    a: LIF
    b: LIF
    step: Any = eqx.field(static=True)

    def init_state(self, batch_shape):
        return jnp.zeros(4), jnp.zeros(4)

    def __call__(self, x, state):
        return self.step(self, x, state)


def crossed(m, x, state):
    y, v = m.a(x, state[0])
    y, w = m.b(y, state[1])
    return y, (w, v)


def handed_on(m, x, state):
    y, v = m.a(x, state[0])
    y, v = m.b(y, v)
    return y, (v, state[1])


def two_steps(m, x, state):
    y, v = m.a(x, state[0])
    y, v = m.a(y, v)
    return y, (v, state[1])


def dropped(m, x, state):
    return m.a(x, state[0])[0], state


def shown(m, x, state):
    y, v = m.a(x, state[0])
    return y + v, (v, state[1])


def driven(m, x, state):
    y, _ = m.a(x, x)
    return y, state


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (crossed, r"a takes its state from state\.0, but the call leaves that of b there"),
        (handed_on, "b takes the state of a"),
        (two_steps, "a takes two steps in one"),
        (dropped, r"a takes its state from state\.0, but the call leaves another value there"),
        (shown, "the state of a is read as a value"),
        (driven, "a takes a value as its state"),
    ],
)
def test_states_that_are_not_a_modules_own_are_refused(step, text):
    with pytest.raises(nirx.UnsupportedError, match=text):
        jax_to_nir(TwoCells(lif(), lif(), step), jnp.ones(4), MAP)


def test_a_module_that_reads_the_state_of_another_is_refused():
    class Reader(eqx.Module):
        def __call__(self, x, state):
            return x + state["lif"], {"own": 0.5 * state["own"]}

    class Both(eqx.Module):
        reader: Reader
        neuron: LIF

        def __call__(self, x, state):
            y, own = self.reader(x, state)
            y, v = self.neuron(y, state["lif"])
            return y, {**own, "lif": v}

    state = {"own": jnp.zeros(4), "lif": jnp.zeros(4)}
    own = {**MAP, Reader: lambda m: nir.LI(full(1.0), full(1.0), full(0.0))}
    with pytest.raises(
        nirx.UnsupportedError, match=r"reader reads state\.lif, which is not its own"
    ):
        jax_to_nir(Both(Reader(), lif()), jnp.ones(4), own, example_state=state)


def test_a_neuron_in_the_open_is_refused_by_its_operation():
    with pytest.raises(nirx.UnsupportedError, match=r"at test_jax_to_nir\.py:\d+"):
        jax_to_nir(Cell(jax.random.key(0)), jnp.ones(3))
