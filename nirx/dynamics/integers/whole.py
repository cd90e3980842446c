"""`WholeNumbers`: what nodes in integers have in common: coefficients that have to be whole."""

from __future__ import annotations

from typing import NamedTuple

from nirx.dynamics.arithmetic import EXACT_BITS, Arithmetic
from nirx.dynamics.base import Arrays, Dynamics
from nirx.dynamics.integers.operations import nearest
from nirx.dynamics.ops import Array, Ops

__all__ = ["Exact", "Reach", "WholeNumbers", "largest"]

LARGEST = 2 ** (EXACT_BITS - 16)
"""Of a coefficient: with inputs of up to 16 bits, products stay exact."""


class Exact(NamedTuple):
    """A number that has to be whole.

    Arguments:
        value: before it is rounded.
        low, high: its range, inclusive.
        what: in words, for errors.
        shift: it is shifted left once it is whole.
    """

    value: Array
    low: int
    high: int
    what: str
    shift: int = 0


class Reach(NamedTuple):
    """The largest magnitudes that a node can reach.

    Arguments:
        inside: of a sum on the way.
        output: of what leaves it.
    """

    inside: float
    output: float


class WholeNumbers(Dynamics):
    """Mixed in before the dynamics of a node."""

    @property
    def arithmetic(self) -> Arithmetic:
        """That of the node."""
        found = self.rule.arithmetic
        assert found is not None, "chosen for nodes that have one"
        return found

    def exact(self, ops: Ops, p: Arrays) -> dict[str, Exact]:
        """What has to be whole, by the name of the coefficient, from the parameters."""
        raise NotImplementedError

    def whole(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        """The numbers of `exact`, whole and shifted."""
        return {
            name: ops.mul(nearest(ops, own.value), ops.constant(2.0**own.shift))
            for name, own in self.exact(ops, p).items()
        }

    def reach(self, whole: Arrays, x: float) -> Reach:
        """How large its numbers can become.

        Arguments:
            whole: what `whole` returned, as NumPy arrays.
            x: the largest magnitude of its input.
        """
        raise NotImplementedError

    def fractions(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        """The fractions by which its states decay in a step, by the parameter they come from."""
        return {}


def largest(array: Array) -> float:
    """The largest magnitude in a NumPy array, 0 if it is empty."""
    return float(abs(array).max(initial=0.0))
