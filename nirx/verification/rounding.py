"""Values that are off by the rounding of float32 only, and the tolerance that allows it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nirx.verification.result import NodeVerdict
from nirx.verification.tolerance import Tolerance

__all__ = ["is_rounding", "rounding_sentence"]

MOST = 1e-5
"""Of the largest magnitude of a recording; what is off by less is called rounding."""
MOST_NAMES = 8


def is_rounding(node: NodeVerdict) -> bool:
    """Whether a recording fails by the size of rounding errors only."""
    return node.verdict == "fails" and not node.spikes and node.error < MOST * node.largest


def rounding_sentence(nodes: Sequence[NodeVerdict], allowed: Tolerance) -> str | None:
    """Names what is off by rounding, with the options that allow it; None if nothing is."""
    off = [node for node in nodes if is_rounding(node)]
    if not off:
        return None
    worst = max(off, key=lambda node: node.error / node.largest)
    names = ", ".join(node.key for node in off[:MOST_NAMES])
    more = len(off) - MOST_NAMES
    verb, most = ("is", "") if len(off) == 1 else ("are", " at most")
    error = max(node.error for node in off)
    if allowed.membrane:  # sizes that were given count for everything else
        size = _power(error / allowed.membrane)
        flags = " ".join(f"--lsb {node.key}={size}" for node in off[:MOST_NAMES])
        keys = ", ".join(f"{node.key!r}: {size}" for node in off[:MOST_NAMES])
        python = f"lsb={{{keys}}}"
    else:
        size = _power(error)
        flags, python = f"--lsb {size} --membrane 1", f"lsb={size}, membrane=1"
    return (
        f"{names}{f' and {more} more' if more > 0 else ''} {verb} off by rounding only "
        f"({worst.error:.2g} of {worst.largest:.2g}{most}); "
        f"allow it with {flags} (Python: {python})"
    )


def _power(size: float) -> str:
    """The next power of ten, as text."""
    power = math.ceil(math.log10(size))
    return f"1e{power}"
