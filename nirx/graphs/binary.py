"""Which inputs are known to be 0 or 1, from the structure alone."""

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
    """A node's dynamics told whether its input is binary, and whether its output is.

    A single spiking source of the same step gives 0 or 1; a sum may not, and a late value or
    a Delay's may come from a state that a caller made up.

    Arguments:
        sources: per incoming edge whether the source's output is binary, and whether the
            edge is late.
    """
    binary = len(sources) == 1 and sources[0] == (True, False)
    if binary and isinstance(dynamics, Linear | Convolution):
        dynamics = replace(dynamics, binary=True)
    if isinstance(dynamics, Port | Flatten):
        return dynamics, binary
    spikes = dynamics is not None and dynamics.binary_output
    return dynamics, spikes and not _counts(dynamics)


def _counts(dynamics: Dynamics | None) -> bool:
    """Whether a neuron may put out more than one spike a step."""
    return dynamics is not None and dynamics.neuron and dynamics.rule.spikes == "multi"
