"""Why a recording differs: `nirx.diagnose` on its first steps."""

from __future__ import annotations

import warnings

from nirx.diagnosis.diagnose import diagnose
from nirx.errors import InputError, NirxWarning
from nirx.verification.pair import Pair

__all__ = ["explain"]

PORTS = ("Input", "Output")
LEAST, AFTER = 1000, 200
"""Steps that are searched: at least `LEAST`, and `AFTER` beyond the first divergence."""


def explain(pair: Pair, first: int) -> tuple[str, ...]:
    """The sentences of a diagnosis, or one that says why there is none.

    Arguments:
        first: step of the first divergence.
    """
    reference, steps = pair.reference, min(pair.steps, max(LEAST, first + AFTER))
    inputs = reference.inputs(0, steps)
    if pair.samples != reference.samples:
        inputs = {name: x[:, : pair.samples] for name, x in inputs.items()}
    observed = {
        reference.record_key(o): pair.recorded(o, 0, steps)
        for o in pair.shared
        # An Output only repeats what its source, which is recorded too, has put out.
        if reference.node(o).type_name not in PORTS
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NirxWarning)  # shown when the reference was made
        try:
            found = diagnose(
                reference.file.graph,
                inputs,
                observed,
                discretization=reference.file.discretization,
                dtype=reference.file.run_dtype,
            )
        except InputError as error:
            return (f"no diagnosis: {error}",)
    return tuple(found.explain().split("\n"))
