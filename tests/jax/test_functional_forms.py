"""jax_to_nir: which operations of a jaxpr become which nodes; the others are refused by line."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import inspect
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nirx
from nirx_jax import jax_to_nir
from support.jax_modules import data, graph_of, inner, run_alone

HERE = "test_functional_forms.py"
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
    graph = graph_of(function, shape)
    assert [type(node).__name__ for node in inner(graph)] == kinds
    x = data(*shape)
    assert np.allclose(run_alone(graph, x), function(jnp.asarray(x)), rtol=1e-5, atol=1e-6)
    nirx.check(graph)


def test_flatten_names_its_axes():
    node = graph_of(lambda x: x.reshape(2, -1), (2, 3, 4)).nodes["flatten"]
    assert (node.start_dim, node.end_dim) == (1, 2)


def twice(x: jax.Array) -> jax.Array:
    return x * x


@jax.custom_jvp
def surrogate(x: jax.Array) -> jax.Array:
    return jnp.sign(x)


surrogate.defjvps(lambda tangent, _, x: tangent)


REFUSED = {
    "relu/max": lambda x: jax.nn.relu(x),
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
    "reduce_sum": lambda x: jnp.sum(x),
    "add by itself": lambda x: x[None] + x[:, None],
    "mul by rows": lambda x: x * jnp.ones((3, 1)),
}
SHAPES = {"transpose": (2, 3), "reshape": (3, 4), "conv_general_dilated": (2, 5)}


@pytest.mark.parametrize("name", REFUSED)
def test_operations_without_a_node_are_refused_with_their_line(name):
    with pytest.raises(nirx.UnsupportedError) as caught:
        graph_of(REFUSED[name], SHAPES.get(name, (4,)))
    text = str(caught.value)
    assert text.startswith(name.split(" by ")[0])
    assert f" at {HERE}:" in text


def test_the_line_is_the_users_own():
    line = inspect.getsourcelines(twice)[1] + 1
    with pytest.raises(
        nirx.UnsupportedError, match=f"^mul at test_functional_forms.py:{line} multiplies"
    ):
        graph_of(twice)
    with pytest.raises(
        nirx.UnsupportedError, match=f"twice/mul at test_functional_forms.py:{line} mult"
    ):
        graph_of(jax.jit(twice))


def test_a_library_function_has_the_line_that_calls_it():
    def first(x):
        return jax.nn.silu(x)

    def second(x):
        return jax.nn.silu(x)

    for function in (first, second, first):
        line = inspect.getsourcelines(function)[1] + 1
        with pytest.raises(nirx.UnsupportedError, match=f"at {HERE}:{line} has no NIR"):
            graph_of(function)


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
        graph_of(function)


def test_an_added_axis_at_an_output_is_refused():
    with pytest.raises(nirx.UnsupportedError, match=r"output 'output': axes of size 1"):
        graph_of(lambda x: x[None])
