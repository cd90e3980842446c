"""Plain code under XLA does differ from NumPy, so the other tests of XLA are not vacuous."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from support.agreement import differing

N = 4096


def differing_bits(found, expected):
    return int(differing(np.asarray(found), expected).sum())


def test_plain_code_differs_in_at_least_one_chain():
    rng = np.random.default_rng(0)
    x, y, z = (rng.normal(size=N).astype(np.float32) for _ in range(3))
    c, d = np.float32(0.137), np.float32(1.77)
    tiny = (x * np.float32(1e-38)).astype(np.float32)
    chains = {
        "a*b+c": (lambda: x * y + z, jax.jit(lambda: jnp.asarray(x) * y + z)),
        "a*b+c passed": (lambda: x * y + z, lambda: jax.jit(lambda a, b, e: a * b + e)(x, y, z)),
        "(a+C1)+C2": (lambda: (x + c) + d, lambda: jax.jit(lambda a: (a + c) + d)(x)),
        "(a*C1)*C2": (lambda: (x * c) * d, lambda: jax.jit(lambda a: (a * c) * d)(x)),
        "a*c+b*c": (lambda: x * z + y * z, lambda: jax.jit(lambda a, b, e: a * e + b * e)(x, y, z)),
        "x/C": (lambda: x / d, lambda: jax.jit(lambda a: a / d)(x)),
        "subnormal": (lambda: tiny * c, lambda: jax.jit(lambda a: a * c)(tiny)),
    }
    counts = {name: differing_bits(found(), own()) for name, (own, found) in chains.items()}
    assert sum(counts.values()) > 0, counts
    assert counts["subnormal"] > 0, counts
    assert sum(counts[name] for name in counts if name != "subnormal") > 0, counts


def test_a_bit_or_the_sign_of_zero_is_seen():
    one = np.ones(3, np.float32)
    other = one.copy()
    assert differing_bits(one, other) == 0
    other[1] = np.nextafter(other[1], np.float32(2))
    assert differing_bits(one, other) == 1
    assert differing_bits(np.array([0.0, np.nan]), np.array([-0.0, np.nan])) == 1
