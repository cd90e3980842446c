"""Linear and Affine backwards."""

from __future__ import annotations

import numpy as np

from nirx_conformance.oracle.gradients.node import NodeGradient, Pull
from nirx_conformance.oracle.node import Array, State


class LinearGradient(NodeGradient):
    """y = W x."""

    @property
    def names(self) -> tuple[str, ...]:
        return ("weight",)

    def pull(self, x: Array, state: State, to_y: Array, to_state: State) -> Pull:
        to_x = np.einsum("...oi,...o->...i", self.numbers("weight"), to_y)
        return Pull(to_x, {}, {"weight": self.pull_weight(x, to_y)})

    def pull_weight(self, x: Array, to_y: Array) -> Array:
        """The gradient of the weight: the sum over the batch of the outer products."""
        lead = self.numbers("weight").ndim - 2
        batch = tuple(range(to_y.ndim - 1 - lead))
        return np.einsum("...o,...i->...oi", to_y, x).sum(batch)
