"""Which inputs are known to be 0 or 1, from the graph's structure alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nirx.dynamics.base import Dynamics
from nirx.dynamics.conv import Convolution
from nirx.dynamics.linear import Linear
from nirx.dynamics.reshape import Flatten, Port

__all__ = ["mark_binary"]


def mark_binary(
    dynamics: Dynamics | None, sources: Sequence[tuple[bool, bool]]
) -> tuple[Dynamics | None, bool]:
    """A node's dynamics with `binary` set if its input is, and whether its output is binary.

    The input is 0 or 1 if it comes from a single spiking source in the same step. A sum may not
    be; a late value or a Delay's output may come from any state that a caller passed in.

    Arguments:
        dynamics: None if a `node_map` runs the node.
        sources: for each incoming edge, whether the source's output is binary, and whether the
            edge is late.
    """
    binary = len(sources) == 1 and sources[0] == (True, False)
    if binary and isinstance(dynamics, Linear | Convolution):
        dynamics = replace(dynamics, binary=True)
    if isinstance(dynamics, Port | Flatten):
        return dynamics, binary
    if dynamics is None or (dynamics.neuron and dynamics.rule.spikes == "multi"):
        return dynamics, False
    return dynamics, dynamics.binary_output
