"""Mutated backends: each is the NumPy backend with one fault, which some case has to catch.

Those of gradients are the oracle of gradients with one fault each; those of integers compute with
the wrong arithmetic, or have a fault in its equations; those of neurons trace a wrong expression.

They test the suite itself: a case that kills no mutant shows little, and a mutant that no case
kills shows what the cases miss. `python -m nirx_conformance.mutants` prints which case kills which.
"""

from nirx_conformance.mutants import arithmetic, choices, equations, parameters, runs, wiring
from nirx_conformance.mutants.gradient_killing import GRADIENT_MUTANTS as GRADIENT_MUTANTS
from nirx_conformance.mutants.gradient_killing import gradient_kill_table as gradient_kill_table
from nirx_conformance.mutants.integer_killing import INTEGER_MUTANTS as INTEGER_MUTANTS
from nirx_conformance.mutants.integer_killing import integer_kill_table as integer_kill_table
from nirx_conformance.mutants.killed_by import GRADIENTS_KILLED_BY as GRADIENTS_KILLED_BY
from nirx_conformance.mutants.killed_by import INTEGERS_KILLED_BY as INTEGERS_KILLED_BY
from nirx_conformance.mutants.killed_by import KILLED_BY as KILLED_BY
from nirx_conformance.mutants.killed_by import NEURONS_KILLED_BY as NEURONS_KILLED_BY
from nirx_conformance.mutants.killing import Kill as Kill
from nirx_conformance.mutants.killing import Kills as Kills
from nirx_conformance.mutants.killing import kill_table as kill_table
from nirx_conformance.mutants.killing import try_case as try_case
from nirx_conformance.mutants.mutant import Mutant as Mutant
from nirx_conformance.mutants.mutant import mutants_in as mutants_in
from nirx_conformance.mutants.neuron_killing import NEURON_MUTANTS as NEURON_MUTANTS
from nirx_conformance.mutants.neuron_killing import neuron_kill_table as neuron_kill_table

MODULES = (choices, parameters, equations, arithmetic, wiring, runs)

ALL_MUTANTS = mutants_in(MODULES, Mutant)
MUTANTS: dict[str, Mutant] = {mutant.name: mutant for mutant in ALL_MUTANTS}
