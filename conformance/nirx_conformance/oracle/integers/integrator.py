"""I: v' = v + g * x; outputs v."""

from __future__ import annotations

from functools import cached_property

from nirx_conformance.oracle.integers.li import LI
from nirx_conformance.oracle.integers.membrane import Update, integrating
from nirx_conformance.oracle.integers.node import State


class I(LI):  # noqa: E742 (NIR's own name)
    """An LI without a leak, which starts at 0."""

    def start(self) -> State:
        return {"v": [0] * self.size, "v_overflows": [0] * self.size}

    @cached_property
    def updates(self) -> list[Update]:
        return [integrating(self.arithmetic, self.rule, r) for r in self.each("r")]
