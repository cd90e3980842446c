"""Many candidates in one run, along a leading batch axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nirx.dynamics.base import Dynamics
from nirx.dynamics.ops import Array, Ops, Shape
from nirx.execution.runners import NativeRunner

__all__ = ["LaneRunner"]


class LaneRunner(NativeRunner):
    """A neuron whose coefficients and initial state differ from lane to lane.

    Arguments:
        lanes: the dynamics of each lane; their rules differ only in dt, integrator and
            initial_v, which change numbers but no operation.
        parameters: the node's arrays.
        batch: the batch axes of the data, without the leading axis of lanes.
    """

    def __init__(
        self, lanes: Sequence[Dynamics], parameters: Mapping[str, np.ndarray], batch: Shape
    ):
        super().__init__(lanes[0], parameters)
        self.lanes, self.batch = lanes, batch

    def coefficients(self, ops: Ops) -> Any:
        each = [lane.coefficients(ops, self._used(ops)) for lane in self.lanes]
        return {name: self._stacked([own[name] for own in each]) for name in each[0]}

    def initial_state(self, ops: Ops, batch: Shape) -> Any:
        each = [lane.initial_state(ops, self._used(ops), self.batch) for lane in self.lanes]
        return {name: np.stack([own[name] for own in each]) for name in each[0]}

    def _stacked(self, arrays: list[Array]) -> Array:
        first = arrays[0]
        if all(np.array_equal(first, other) for other in arrays[1:]):
            return first
        axes = len(self.batch) + len(self.dynamics.output_shape)
        return np.stack([np.reshape(a, (1,) * (axes - np.ndim(a)) + np.shape(a)) for a in arrays])
