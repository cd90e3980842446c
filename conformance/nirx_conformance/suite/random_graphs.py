"""Random graphs as cases: "random 17" is the graph of seed 17, on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from nirx.errors import InputError, did_you_mean
from nirx.graphs.state import map_tree
from nirx_conformance.cases import ALL_CASES, FixedCase
from nirx_conformance.cases.gradient_case import SURROGATES, GradientCase
from nirx_conformance.cases.gradients import GRADIENT_CASES
from nirx_conformance.cases.integers import INTEGER_CASES
from nirx_conformance.recorded import RECORDED_CASES, RecordedCase
from nirx_conformance.suite.expected import expect

__all__ = [
    "case_named",
    "fixed",
    "gradient_case_named",
    "integer_case_named",
    "name_of",
    "neuron_case_named",
]

PREFIX = "random "

TIE = 1e-9
"""A neuron this close to its threshold may spike on one backend and not on another."""

WARMUP = 4
"""Steps before the state from which some random cases start."""

T = TypeVar("T", bound=FixedCase | GradientCase | RecordedCase)


def name_of(seed: int) -> str:
    """The name of the case of a seed."""
    return f"{PREFIX}{seed}"


def fixed(name: str, drawn: Any, dtype: str = "float64") -> FixedCase:
    """A drawn case under a name."""
    graph, inputs, discretization = drawn.graph, drawn.inputs, drawn.discretization
    return FixedCase(name, graph, inputs, discretization, None, dtype, "full", source="random")


def case_named(name: str) -> FixedCase:
    """The fixed or random case of a name.

    **Raises**: `InputError` for an unknown name.
    """
    seed = _seed(name)
    return _found(name, ALL_CASES) if seed is None else _random(name, seed)


def neuron_case_named(name: str) -> RecordedCase:
    """The case of the level `neurons` of a name.

    **Raises**: `InputError` for an unknown name, and for a random graph: no library has run it.
    """
    if _seed(name) is not None:
        raise InputError(f"{name!r}; the level 'neurons' has recorded cases only")
    return _found(name, RECORDED_CASES)


def integer_case_named(name: str) -> FixedCase:
    """The case of the level `integers` of a name.

    **Raises**: `InputError` for an unknown name.
    """
    seed = _seed(name)
    if seed is None:
        return _found(name, INTEGER_CASES)
    return fixed(name, _strategies().random_integer_case(seed))


def gradient_case_named(name: str) -> GradientCase:
    """The case of the level `gradients` of a name.

    The seed of a random one also decides on the surrogate, on `detach_reset`, and whether it
    starts from a state. It ends before the first step in which rounding may decide on a spike.

    **Raises**: `InputError` for an unknown name.
    """
    seed = _seed(name)
    if seed is None:
        return _found(name, GRADIENT_CASES)
    case, kinds = _random(name, seed), list(SURROGATES.values())
    surrogate, detach = kinds[seed % len(kinds)], seed // len(kinds) % 2 == 1
    steps = _steps_before_a_tie(case)
    if seed % 3 == 0 and steps > WARMUP:
        case = replace(case, warmup=map_tree(lambda x: x[:WARMUP], case.inputs))
        case = replace(case, inputs=map_tree(lambda x: x[WARMUP:steps], case.inputs))
    else:
        case = replace(case, inputs=map_tree(lambda x: x[:steps], case.inputs))
    return GradientCase(case, surrogate, detach)


def _steps_before_a_tie(case: FixedCase) -> int:
    margins = expect(case).result.margins.values()
    ties = [np.nonzero((m < TIE).reshape(len(m), -1).any(1))[0] for m in margins]
    length = len(next(iter(case.inputs.values())) if isinstance(case.inputs, dict) else case.inputs)
    return max(1, min((int(t[0]) for t in ties if len(t)), default=length))


def _seed(name: str) -> int | None:
    own = name[len(PREFIX) :]
    return int(own) if name.startswith(PREFIX) and own.isdigit() else None


def _random(name: str, seed: int) -> FixedCase:
    return fixed(name, _strategies().random_case(seed))


def _strategies() -> Any:
    try:
        from nirx_conformance import strategies
    except ImportError as error:
        raise InputError(f"random graphs need hypothesis: {error}") from error
    return strategies


def _found(name: str, cases: Sequence[T]) -> T:
    found = next((c for c in cases if c.name == name), None)
    if found is None:
        raise InputError(f"no case {name!r}; {did_you_mean(name, [c.name for c in cases])}")
    return found
