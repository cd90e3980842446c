"""The cases of the level `integers`.

They are no cases of the other levels, so no digest and no stored file belongs to them.
"""

from __future__ import annotations

from nirx_conformance.cases import integer_networks, integer_neurons
from nirx_conformance.cases.case import FixedCase

__all__ = ["INTEGER_CASES"]

INTEGER_CASES: tuple[FixedCase, ...] = (*integer_neurons.CASES, *integer_networks.CASES)
"""Their names are their own; those of fixed cases stay."""
