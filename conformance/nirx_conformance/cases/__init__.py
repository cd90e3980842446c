"""The fixed cases, from which the committed digests and the stored suite are computed."""

from nirx_conformance.cases import (
    choices,
    connections,
    convolutions,
    delays,
    extremes,
    fan_in,
    feedback,
    linear,
    names,
    nesting,
    neurons,
    numbers,
    parameters,
    pools,
    single_precision,
    sizes,
    structure,
    ties,
    warmups,
)
from nirx_conformance.cases.case import FixedCase as FixedCase
from nirx_conformance.cases.case import in_dtype as in_dtype

MODULES = (
    neurons,
    connections,
    structure,
    numbers,
    parameters,
    linear,
    convolutions,
    pools,
    delays,
    fan_in,
    feedback,
    nesting,
    choices,
    ties,
    extremes,
    sizes,
    warmups,
    names,
    single_precision,
)

ALL_CASES: tuple[FixedCase, ...] = tuple(case for module in MODULES for case in module.CASES)

TOPIC_OF = {
    case.name: module.__name__.rpartition(".")[2] for module in MODULES for case in module.CASES
}
"""Name of a case -> the module that defines it, which names its file in the stored suite."""
