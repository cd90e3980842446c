"""Which case of the level `neurons` kills which mutant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nirx.execution.numpy_backend import BACKEND
from nirx_conformance.mutants import neuron_tracing
from nirx_conformance.mutants.killing import Kills, killed_by_values
from nirx_conformance.mutants.mutant import Mutant, mutants_in
from nirx_conformance.recorded import RECORDED_CASES, RecordedCase
from nirx_conformance.suite.judge_neurons import judge_neurons
from nirx_conformance.suite.outcome import Result

__all__ = ["ALL_NEURON_MUTANTS", "NEURON_MUTANTS", "neuron_kill_table", "try_neuron"]

ALL_NEURON_MUTANTS = mutants_in((neuron_tracing,), Mutant)
NEURON_MUTANTS: dict[str, Mutant] = {mutant.name: mutant for mutant in ALL_NEURON_MUTANTS}


def try_neuron(backend: Any, case: RecordedCase, expected: Any = None) -> Result:
    """Run one case. What the library computed is in the case; nothing else is expected."""
    return judge_neurons(case, backend)


def neuron_kill_table(
    cases: Sequence[RecordedCase] = RECORDED_CASES,
    mutants: Iterable[Any] | None = None,
    advance: Callable[[str], Any] = lambda case: None,
) -> dict[str, Kills]:
    """Run every mutant on every case.

    Arguments:
        mutants: None for all of `NEURON_MUTANTS`.
        advance: called with the name of each finished case.

    **Raises**: `InputError` for a case that the unmutated backend does not pass.
    """
    mutants = NEURON_MUTANTS.values() if mutants is None else mutants
    return killed_by_values(cases, mutants, lambda case: None, try_neuron, advance, BACKEND)
