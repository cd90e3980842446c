"""x/C under XLA, which turns a division by a constant into a product with its reciprocal."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from nirx.numpy_reproducible import ReproducibleNumpyOps
from nirx.surrogate import resolve_surrogate
from nirx_jax.reproducible import ReproducibleJaxOps
from nirx_torch.reproducible import ReproducibleTorchOps

SURROGATE = resolve_surrogate("superspike")
SIZES = (1, 2, 3, 7, 8, 64, 1000, 4096)


@pytest.fixture
def problems(dtype):
    """Pairs x, C of every size, C one number and one per element, and NumPy's x/C."""
    ops = ReproducibleNumpyOps(np.dtype(dtype))
    rng = np.random.default_rng(0)
    made = []
    for size in SIZES:
        x = ops.use(rng.normal(size=size).astype(dtype))
        for c in (np.asarray(3.0, dtype), rng.uniform(0.1, 3.3, size).astype(dtype)):
            made.append((x, c, ops.div(x, c)))
    return made


def jax_ops(dtype):
    return ReproducibleJaxOps(dtype, SURROGATE, False)


def scanned(ops, x, c):
    return jax.lax.scan(lambda carry, row: (carry, ops.div(row, c)), 0, x[None])[1][0]


def chosen(ops, x, c):
    return jax.lax.cond(x[0] < jnp.inf, lambda: ops.div(x, c), lambda: x)


def mapped(ops, x, c):
    in_axes = (0, 0) if c.ndim else (0, None)
    return jax.vmap(ops.div, in_axes)(x, c)


PLACES = {"jit": lambda ops, x, c: ops.div(x, c), "scan": scanned, "cond": chosen, "vmap": mapped}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("closed", [False, True], ids=["passed", "closed"])
def test_a_division_by_a_constant(place, closed, dtype, problems, bits):
    with bits.precision("jax", dtype):
        for x, c, expected in problems:
            constant = jnp.asarray(c)
            if closed:
                own = jax.jit(lambda x, c=constant: PLACES[place](jax_ops(dtype), x, c))
                found = own(jnp.asarray(x))
            else:
                whole = jax.jit(lambda x, c: PLACES[place](jax_ops(dtype), x, c))
                found = whole(jnp.asarray(x), constant)
            bits.assert_bits(found, expected, f"{place} x/{c.shape}, {x.shape}")


def test_torch_divides(dtype, problems, bits):
    ops = ReproducibleTorchOps(getattr(torch, dtype), torch.device("cpu"), SURROGATE, False)
    for x, c, expected in problems:
        found = ops.div(torch.from_numpy(np.array(x)), torch.from_numpy(np.array(c)))
        bits.assert_bits(found, expected)
