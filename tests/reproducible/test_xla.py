"""Chains of operations that XLA would like to rewrite still give NumPy's bits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from nirx.execution.node_surrogates import resolve_surrogate
from nirx.execution.numpy_reproducible import ReproducibleNumpyOps
from nirx_jax.reproducible import ReproducibleJaxOps
from nirx_torch.reproducible import ReproducibleTorchOps
from support.agreement import assert_bits
from support.running import precision

SURROGATE = resolve_surrogate("superspike")
MARKS = {7: (), 1000: pytest.mark.slow}
SIZES = [
    pytest.param(
        n, marks=[] if n == 7 else [pytest.mark.slow if n == 1000 else pytest.mark.exhaustive]
    )
    for n in (1, 2, 3, 7, 8, 64, 1000, 4096)
]

# Each takes arrays x, y, z and constants c, d of one element.
CHAINS = {
    "a*b+c": lambda o, x, y, z, c, d: o.add(o.mul(x, y), z),
    "a-b*c": lambda o, x, y, z, c, d: o.sub(x, o.mul(y, z)),
    "(a+C1)+C2": lambda o, x, y, z, c, d: o.add(o.add(x, c), d),
    "(a*C1)*C2": lambda o, x, y, z, c, d: o.mul(o.mul(x, c), d),
    "a*c+b*c": lambda o, x, y, z, c, d: o.add(o.mul(x, z), o.mul(y, z)),
    "a*C+b*C": lambda o, x, y, z, c, d: o.add(o.mul(x, c), o.mul(y, c)),
    "(a*C1)+C2": lambda o, x, y, z, c, d: o.add(o.mul(x, c), d),
    "x/y": lambda o, x, y, z, c, d: o.div(x, y),
    "C/x": lambda o, x, y, z, c, d: o.div(c, x),
    "0+(-0)": lambda o, x, y, z, c, d: o.add(o.constant(0.0), o.mul(x, o.constant(-0.0))),
    "x+(-0)": lambda o, x, y, z, c, d: o.add(x, o.constant(-0.0)),
    "(x-x)*y": lambda o, x, y, z, c, d: o.mul(o.sub(x, x), y),
    "(x+y)-y": lambda o, x, y, z, c, d: o.sub(o.add(x, y), y),
    "leak": lambda o, x, y, z, c, d: o.add(x, o.mul(c, o.add(o.sub(d, x), o.mul(y, z)))),
    "1-(1-x)": lambda o, x, y, z, c, d: o.sub(o.constant(1.0), o.sub(o.constant(1.0), x)),
}


def all_together(ops, x, y, z, c, d):
    """Every chain in one program, where XLA may also share and fuse among them."""
    return [chain(ops, x, y, z, c, d) for chain in CHAINS.values()]


def values(rng, size, dtype):
    """Normal, subnormal-range, huge, zeros of both signs, NaN and infinity, after `use`."""
    tiny, huge = (1e-36, 1e36) if dtype == "float32" else (1e-300, 1e300)
    x = rng.normal(size=size) * rng.choice([1.0, 1.0, 1.0, 1e-3, tiny, tiny**0.5, huge], size=size)
    special = [0.0, -0.0, np.nan, np.inf, -np.inf, tiny * 1e-6]
    where = rng.random(size) < 0.1
    x[where] = rng.choice(special, size=int(where.sum()))
    return x.astype(dtype)


@pytest.fixture(params=SIZES)
def problem(request, dtype):
    """Arrays and constants, and what NumPy makes of them."""
    rng = np.random.default_rng(request.param)
    ops = ReproducibleNumpyOps(np.dtype(dtype))
    x, y, z = (ops.use(values(rng, request.param, dtype)) for _ in range(3))
    c, d = (ops.use(np.asarray(v, dtype)) for v in rng.uniform(0.1, 3.3, 2))
    return dtype, (x, y, z, c, d)


def by_numpy(dtype, arrays):
    with np.errstate(all="ignore"):
        return all_together(ReproducibleNumpyOps(np.dtype(dtype)), *arrays)


def checked(found, dtype, arrays, where):
    expected = by_numpy(dtype, arrays)
    for name, one, other in zip(CHAINS, found, expected, strict=True):
        assert_bits(one, other, f"{where} {name}")


def jax_ops(dtype):
    return ReproducibleJaxOps(dtype, SURROGATE, False)


def test_numpy_gives_no_subnormal_and_no_negative_zero(problem):
    """No subnormal, no value below B, no -0; and it is not all zeros."""
    dtype, arrays = problem
    for result in by_numpy(dtype, arrays):
        small = (np.abs(result) < np.finfo(dtype).tiny) & (result != 0)
        assert not small.any()
        assert not ((result == 0) & np.signbit(result)).any()
    assert any(np.abs(r[np.isfinite(r)]).max(initial=0) > 0 for r in by_numpy(dtype, arrays))


def test_torch(problem):
    dtype, arrays = problem
    ops = ReproducibleTorchOps(getattr(torch, dtype), torch.device("cpu"), SURROGATE, False)
    found = all_together(ops, *(torch.from_numpy(np.array(a)) for a in arrays))
    checked(found, dtype, arrays, "torch")


@pytest.mark.slow
@pytest.mark.parametrize("closed", [False, True], ids=["passed", "closed"])
@pytest.mark.sampled(3)
def test_jit(problem, closed):
    dtype, arrays = problem
    with precision("jax", dtype):
        given = [jnp.asarray(a) for a in arrays]
        if closed:
            found = jax.jit(lambda x, y, z: all_together(jax_ops(dtype), x, y, z, *given[3:]))(
                *given[:3]
            )
        else:
            found = jax.jit(lambda *a: all_together(jax_ops(dtype), *a))(*given)
        checked(found, dtype, arrays, "jit")


def test_jit_with_everything_closed_over(problem):
    """XLA folds it all at compile time, where it does not flush subnormals."""
    dtype, arrays = problem
    with precision("jax", dtype):
        found = jax.jit(lambda: all_together(jax_ops(dtype), *map(jnp.asarray, arrays)))()
        checked(found, dtype, arrays, "all closed over")


@pytest.mark.slow
@pytest.mark.parametrize("closed", [False, True], ids=["passed", "closed"])
@pytest.mark.sampled(3)
def test_cond(problem, closed):
    dtype, arrays = problem
    with precision("jax", dtype):
        given = [jnp.asarray(a) for a in arrays]

        def chosen(flag, x, y, z, c, d):
            if closed:
                c, d = given[3:]
            ops = jax_ops(dtype)
            return jax.lax.cond(
                flag,
                lambda: all_together(ops, x, y, z, c, d),
                lambda: all_together(ops, y, x, z, d, c),
            )

        found = jax.jit(chosen)(jnp.asarray(True), *given)
        checked(found, dtype, arrays, "cond")


@pytest.mark.slow
@pytest.mark.parametrize("closed", [False, True], ids=["passed", "closed"])
@pytest.mark.sampled(3)
def test_vmap(problem, closed):
    dtype, arrays = problem
    with precision("jax", dtype):
        given = [jnp.asarray(a) for a in arrays]

        def one(x, y, z, c, d):
            c, d = given[3:] if closed else (c, d)
            return all_together(jax_ops(dtype), x, y, z, c, d)

        found = jax.jit(jax.vmap(one, in_axes=(0, 0, 0, None, None)))(*given)
        checked(found, dtype, arrays, "vmap")
