"""Affine backwards."""

from __future__ import annotations

from nirx_conformance.oracle.gradients.linear import LinearGradient
from nirx_conformance.oracle.gradients.node import Pull
from nirx_conformance.oracle.node import Array, State


class AffineGradient(LinearGradient):
    """y = W x + b."""

    @property
    def names(self) -> tuple[str, ...]:
        return ("weight",) if self.node.node.bias is None else ("weight", "bias")

    def pull(self, x: Array, state: State, to_y: Array, to_state: State) -> Pull:
        found = super().pull(x, state, to_y, to_state)
        if self.node.node.bias is None:
            return found
        return found._replace(parameters={**found.parameters, "bias": self.pull_bias(to_y)})

    def pull_bias(self, to_y: Array) -> Array:
        """The gradient of the bias."""
        return self.summed({"bias": to_y})["bias"]
