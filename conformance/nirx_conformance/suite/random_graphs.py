"""Random graphs as cases: "random 17" is the graph of seed 17, on every machine."""

from __future__ import annotations

from typing import Any

from nirx.errors import InputError, did_you_mean
from nirx_conformance.cases import ALL_CASES, FixedCase

__all__ = ["case_named", "fixed", "name_of"]

PREFIX = "random "


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
    if name.startswith(PREFIX) and name[len(PREFIX) :].isdigit():
        try:
            from nirx_conformance.strategies import random_case
        except ImportError as error:
            raise InputError(f"random graphs need hypothesis: {error}") from error
        return fixed(name, random_case(int(name[len(PREFIX) :])))
    found = next((c for c in ALL_CASES if c.name == name), None)
    if found is None:
        raise InputError(f"no case {name!r}; {did_you_mean(name, [c.name for c in ALL_CASES])}")
    return found
