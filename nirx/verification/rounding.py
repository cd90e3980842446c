"""The sentence about values that are only off by the rounding of float32."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nirx.basics.name_list import MOST_NAMES, name_list
from nirx.verification.tolerance import Tolerance

if TYPE_CHECKING:
    from nirx.verification.result import NodeVerdict

__all__ = ["rounding_sentence"]


def rounding_sentence(nodes: Sequence[NodeVerdict], allowed: Tolerance) -> str | None:
    """Names what is off by rounding, with the options that allow it; None if nothing is."""
    off = [node for node in nodes if node.off_by_rounding]
    if not off:
        return None
    worst = max(off, key=lambda node: node.error / node.largest)
    verb, most = ("is", "") if len(off) == 1 else ("are", " at most")
    error = max(node.error for node in off)
    if allowed.membrane:  # one size for all would also replace the sizes that were given
        size = _power(error / allowed.membrane)
        keys = [node.key for node in off[:MOST_NAMES]]
        flags = " ".join(f"--lsb {key}={size}" for key in keys)
        python = f"lsb={{{', '.join(f'{key!r}: {size}' for key in keys)}}}"
    else:
        size = _power(error)
        flags, python = f"--lsb {size} --membrane 1", f"lsb={size}, membrane=1"
    return (
        f"{name_list(node.key for node in off)} {verb} off by rounding only "
        f"({worst.error:.2g} of {worst.largest:.2g}{most}); "
        f"allow it with {flags} (Python: {python})"
    )


def _power(size: float) -> str:
    """The next power of ten, as text."""
    return f"1e{math.ceil(math.log10(size))}"
