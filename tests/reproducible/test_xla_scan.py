"""Chains that carry their result through lax.scan, also inside vmap and cond: NumPy's bits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nirx.execution.node_surrogates import resolve_surrogate
from nirx.execution.numpy_reproducible import ReproducibleNumpyOps
from nirx_jax.reproducible import ReproducibleJaxOps
from support.agreement import assert_bits
from support.running import precision

SURROGATE = resolve_surrogate("superspike")
MARKS = {3: (), 1000: pytest.mark.slow}
SIZES = [
    pytest.param(
        n, marks=[] if n == 3 else [pytest.mark.slow if n == 1000 else pytest.mark.exhaustive]
    )
    for n in (1, 2, 3, 7, 8, 64, 1000, 4096)
]
STEPS = 40

OPERATIONS = {
    "multiply and add": lambda o, v, x, c, d: o.add(o.mul(v, c), x),
    "leak": lambda o, v, x, c, d: o.add(v, o.mul(c, o.add(o.sub(d, v), o.mul(d, x)))),
    "two constants added": lambda o, v, x, c, d: o.sub(o.add(o.add(v, c), d), x),
    "two constants multiplied": lambda o, v, x, c, d: o.mul(o.mul(v, c), d),
    "a common factor": lambda o, v, x, c, d: o.add(o.mul(v, c), o.mul(x, c)),
    "decay": lambda o, v, x, c, d: o.sub(v, o.mul(c, v)),
}


def step(ops, carry, x, c, d):
    return [f(ops, v, x, c, d) for v, f in zip(carry, OPERATIONS.values(), strict=True)]


@pytest.fixture(params=SIZES)
def problem(request, dtype):
    rng = np.random.default_rng(request.param)
    size = request.param
    tiny = 1e-30 if dtype == "float32" else 1e-290
    ops = ReproducibleNumpyOps(np.dtype(dtype))
    # Some columns live where numbers end: their products vanish, their sums nearly do.
    scale = rng.choice([1.0, 1.0, tiny, tiny**0.5], size=size)
    xs = ops.use((rng.normal(size=(STEPS, size)) * scale).astype(dtype))
    if size > 3:
        xs[5, 0], xs[9, 1], xs[7, 2] = np.nan, np.inf, 0.0
    start = ops.use((rng.normal(size=size) * scale).astype(dtype))
    c, d = (ops.use(np.asarray(v, dtype)) for v in (0.137, 1.07))
    carry, rows = [start] * len(OPERATIONS), []
    with np.errstate(all="ignore"):
        for x in xs:
            carry = step(ops, carry, x, c, d)
            rows.append(carry)
    expected = [np.stack(column) for column in zip(*rows, strict=True)]
    return dtype, (start, xs, c, d), expected


def scanned(dtype, start, xs, c, d):
    ops = ReproducibleJaxOps(dtype, SURROGATE, False)

    def body(carry, x):
        carry = step(ops, carry, x, c, d)
        return carry, carry

    return jax.lax.scan(body, [start] * len(OPERATIONS), xs)[1]


def checked(found, expected, where):
    for name, one, other in zip(OPERATIONS, found, expected, strict=True):
        assert_bits(one, other, f"{where}: {name}")


@pytest.mark.parametrize("closed", [False, True], ids=["passed", "closed"])
@pytest.mark.sampled(3)
def test_scan(problem, closed):
    dtype, arrays, expected = problem
    with precision("jax", dtype):
        start, xs, c, d = map(jnp.asarray, arrays)
        if closed:
            found = jax.jit(lambda start, xs: scanned(dtype, start, xs, c, d))(start, xs)
        else:
            found = jax.jit(lambda *a: scanned(dtype, *a))(start, xs, c, d)
        checked(found, expected, "scan")


@pytest.mark.slow
@pytest.mark.parametrize("closed", [False, True], ids=["passed", "closed"])
@pytest.mark.sampled(3)
def test_scan_inside_vmap_and_cond(problem, closed):
    dtype, arrays, expected = problem
    with precision("jax", dtype):
        start, xs, c, d = map(jnp.asarray, arrays)

        def one(flag, start, xs, p, q):
            p, q = (c, d) if closed else (p, q)
            every = jax.vmap(lambda s, x: scanned(dtype, s, x, p, q), in_axes=(0, 1), out_axes=1)
            return jax.lax.cond(flag, every, lambda s, x: every(-s, x), start, xs)

        found = jax.jit(one)(jnp.asarray(True), start, xs, c, d)
        checked(found, expected, "cond of vmap of scan")
