"""Constants of the reproducible mode. docs/reproducibility.md has the argument."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["SMALLEST"]

SMALLEST: Mapping[str, float] = MappingProxyType({"float32": 2.0**-102, "float64": 2.0**-969})
"""B: what is smaller in magnitude counts as +0.

With every value 0 or at least B, the last place of a sum is at least B * 2**-23 (float32) or
B * 2**-52 (float64), a normal number: no sum is ever subnormal, so it does not matter who
flushes subnormals and who does not.
"""
