"""What both convolutions share backwards."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nirx_conformance.oracle.gradients.node import NodeGradient
from nirx_conformance.oracle.node import Array


class ConvolutionGradient(NodeGradient):
    """The bias is added at every place of its channel."""

    axes: ClassVar[int]
    """Number of axes of the space."""

    @property
    def names(self) -> tuple[str, ...]:
        return ("weight",) if self.node.node.bias is None else ("weight", "bias")

    def pull_bias(self, to_y: Array) -> dict[str, Array]:
        """The gradient of the bias, if there is one: summed over all but the channels."""
        if self.node.node.bias is None:
            return {}
        by_channel = np.moveaxis(to_y, -1 - self.axes, 0)
        return {"bias": by_channel.reshape(len(by_channel), -1).sum(1)}
