"""Mutated backends: each the NumPy backend with one fault, which some case has to find.

The suite's own test: a case that no mutant fails shows little, a mutant that no case kills
shows what the cases miss. `python -m nirx_conformance.mutants` prints which case kills which.
"""

from nirx_conformance.mutants import arithmetic, choices, equations, parameters, runs, wiring
from nirx_conformance.mutants.killed_by import KILLED_BY as KILLED_BY
from nirx_conformance.mutants.killing import Kill as Kill
from nirx_conformance.mutants.killing import Kills as Kills
from nirx_conformance.mutants.killing import kill_table as kill_table
from nirx_conformance.mutants.killing import try_case as try_case
from nirx_conformance.mutants.mutant import Mutant as Mutant

MODULES = (choices, parameters, equations, arithmetic, wiring, runs)

MUTANTS: dict[str, Mutant] = {
    mutant.name: mutant for module in MODULES for mutant in module.MUTANTS
}
