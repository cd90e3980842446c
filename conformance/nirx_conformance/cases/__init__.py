"""Fixed cases: what the committed digest table is made of."""

from nirx_conformance.cases import connections, neurons, numbers, structure
from nirx_conformance.cases.case import FixedCase as FixedCase

ALL_CASES: tuple[FixedCase, ...] = (
    *neurons.CASES,
    *connections.CASES,
    *structure.CASES,
    *numbers.CASES,
)
