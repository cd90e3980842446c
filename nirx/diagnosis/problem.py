"""All that a diagnosis is given, checked: what the search, the ranking and the free run read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import nir
import numpy as np

from nirx.basics.paths import Path
from nirx.diagnosis.candidates import Limits
from nirx.diagnosis.observed import Traces
from nirx.diagnosis.variants import Variant
from nirx.dynamics.discretization import Discretization
from nirx.execution.numpy_ops import NumpyOps

__all__ = ["Problem"]


@dataclass(frozen=True, eq=False)
class Problem:
    """A graph, its input and its recordings.

    Arguments:
        start: the discretization that the search starts from.
        given: whether the caller or the graph asked for `start`; else it is nirx's default.
        variants: the graph under each setting of dt and the feedback choices.
        limits: per choice the values to try; the others are searched in full.
        inputs: per Input [time, *batch, *features].
        outputs: recorded outputs, which drive the nodes after them.
        traces: the recordings to be explained.
        max_shift: whole steps by which a node's recording may be late or early.
    """

    graph: nir.NIRGraph
    start: Discretization
    given: bool
    variants: Sequence[Variant]
    limits: Limits
    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[Path, np.ndarray]
    traces: Traces
    max_shift: int
    ops: NumpyOps
