"""Mutants of integers that compute with an arithmetic other than the one they are given.

Each is the NumPy backend with one fault, as everywhere in this package.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from nirx import Arithmetic, Discretization
from nirx.dynamics.ops import Array
from nirx.dynamics.reshape import Port
from nirx.execution.execute import Executor
from nirx.graphs.state import map_tree
from nirx_conformance.mutants.mutant import (
    Mutant,
    on_discretization,
    on_dynamics,
    on_executor,
    on_rule,
    on_run,
    sentence_of,
    words_of,
)


def on_arithmetic(change: Callable[[Arithmetic], Arithmetic]) -> Mutant:
    """A mutant of the arithmetic of each node, with overrides applied."""

    def changed(rule: Discretization) -> Discretization:
        assert rule.arithmetic is not None, "a case of integers"
        return replace(rule, arithmetic=change(rule.arithmetic))

    return replace(on_rule(changed), name=words_of(change), sentence=sentence_of(change))


def _rounding(given: str, instead: str) -> Callable[[Arithmetic], Arithmetic]:
    def change(own: Arithmetic) -> Arithmetic:
        wrong = own.decay_rounding == given
        return own.changed({"decay_rounding": instead}) if wrong else own

    change.__name__ = f"rounding_{instead}_for_{given}"
    change.__doc__ = f"Decays round {_WORDS[instead]} instead of {_WORDS[given]}."
    return change


_WORDS = {"zero": "towards zero", "down": "down", "nearest": "to the nearest"}

rounding_down_for_zero = on_arithmetic(_rounding("zero", "down"))
rounding_nearest_for_zero = on_arithmetic(_rounding("zero", "nearest"))
rounding_zero_for_down = on_arithmetic(_rounding("down", "zero"))
rounding_nearest_for_down = on_arithmetic(_rounding("down", "nearest"))
rounding_zero_for_nearest = on_arithmetic(_rounding("nearest", "zero"))
rounding_down_for_nearest = on_arithmetic(_rounding("nearest", "down"))


@on_arithmetic
def decay_constant_truncated(own: Arithmetic) -> Arithmetic:
    """The constant of a decay is rounded down instead of to the nearest."""
    return replace(own, decay_value="down")


@on_arithmetic
def decay_constant_rounded(own: Arithmetic) -> Arithmetic:
    """The constant of a decay is rounded to the nearest instead of down."""
    return replace(own, decay_value="nearest")


@on_arithmetic
def decay_bit_missing(own: Arithmetic) -> Arithmetic:
    """The constant of a decay has one bit too few."""
    return replace(own, decay_bits=max(1, own.decay_bits - 1))


@on_arithmetic
def shift_as_multiplication(own: Arithmetic) -> Arithmetic:
    """A decay by shift is a product with as many bits, rounded down."""
    if own.decay == "multiply":
        return own
    return replace(own, decay="multiply", decay_bits=own.membrane_bits, decay_rounding="down")


@on_arithmetic
def v_wraps(own: Arithmetic) -> Arithmetic:
    """v wraps instead of saturating."""
    return replace(own, membrane_overflow="wrap")


@on_arithmetic
def v_saturates(own: Arithmetic) -> Arithmetic:
    """v saturates instead of wrapping."""
    return replace(own, membrane_overflow="saturate")


@on_arithmetic
def i_wraps(own: Arithmetic) -> Arithmetic:
    """i wraps instead of saturating."""
    return replace(own, synapse_overflow="wrap")


@on_arithmetic
def i_saturates(own: Arithmetic) -> Arithmetic:
    """i saturates instead of wrapping."""
    return replace(own, synapse_overflow="saturate")


@on_arithmetic
def full_limits_for_symmetric(own: Arithmetic) -> Arithmetic:
    """Symmetric limits are those of two's complement."""
    return replace(own, limits="full")


@on_arithmetic
def symmetric_limits_for_full(own: Arithmetic) -> Arithmetic:
    """The smallest number of two's complement is missing."""
    lowest = own.membrane_lowest
    if lowest is not None:
        lowest = max(lowest, 1 - 2 ** (own.membrane_bits - 1))
    return replace(own, limits="symmetric", membrane_lowest=lowest)


@on_arithmetic
def v_one_bit_short(own: Arithmetic) -> Arithmetic:
    """v has one bit too few."""
    lowest = own.membrane_lowest
    bits = max(2, own.membrane_bits - 1)
    if lowest is not None:
        lowest = max(lowest, 1 - 2 ** (bits - 1))
    return replace(own, membrane_bits=bits, membrane_lowest=lowest)


@on_arithmetic
def i_one_bit_short(own: Arithmetic) -> Arithmetic:
    """i has one bit too few."""
    return replace(own, synapse_bits=max(2, own.synapse_bits - 1))


@on_arithmetic
def lowest_v_ignored(own: Arithmetic) -> Arithmetic:
    """v falls below membrane_lowest."""
    return replace(own, membrane_lowest=None)


@on_arithmetic
def change_of_v_exact(own: Arithmetic) -> Arithmetic:
    """The change of v has as many bits as it needs."""
    return replace(own, membrane_change="exact")


@on_arithmetic
def change_of_v_limited(own: Arithmetic) -> Arithmetic:
    """The change of v has the bits of v where it should be exact."""
    return replace(own, membrane_change="saturate")


@on_arithmetic
def weight_not_shifted(own: Arithmetic) -> Arithmetic:
    """Products are not shifted."""
    return replace(own, weight_shift=0)


@on_arithmetic
def bias_not_shifted(own: Arithmetic) -> Arithmetic:
    """Biases are not shifted."""
    return replace(own, bias_shift=0)


@on_arithmetic
def threshold_not_shifted(own: Arithmetic) -> Arithmetic:
    """v_threshold and v_reset are not shifted."""
    return replace(own, threshold_shift=0)


@on_discretization
def arithmetic_ignored(d: Discretization) -> Discretization:
    """The network computes in floating point."""
    overrides = {path: _without_arithmetic(own) for path, own in d.overrides.items()}
    return replace(d, arithmetic=None, overrides=overrides)


@on_discretization
def arithmetic_of_the_graph_for_all(d: Discretization) -> Discretization:
    """Nodes with an arithmetic of their own have that of the graph."""
    overrides = {path: _without_arithmetic(own) for path, own in d.overrides.items()}
    return replace(d, overrides=overrides)


def _without_arithmetic(own: Any) -> dict[str, Any]:
    return {name: value for name, value in own.items() if name != "arithmetic"}


@on_executor
class InputNotShifted(Executor):
    """Inputs are not shifted."""

    def __init__(self, *given: Any, **options: Any):
        super().__init__(*given, **options)
        self.input_shifts = (0,) * len(self.input_shifts)


@on_executor
class InputShiftOfTheGraph(Executor):
    """An Input with a shift of its own has that of the graph."""

    def __init__(self, *given: Any, **options: Any):
        super().__init__(*given, **options)
        arithmetic = self.schedule.discretization.arithmetic
        assert arithmetic is not None, "a case of integers"
        self.input_shifts = (arithmetic.input_shift,) * len(self.input_shifts)


@on_dynamics
class InputShiftedInSubgraphs(Port):
    """What enters or leaves a subgraph is shifted as well."""

    def apply(self, ops: Any, c: Any, x: Array) -> Array:
        assert self.rule.arithmetic is not None, "a case of integers"
        return ops.mul(x, ops.constant(2.0**self.rule.arithmetic.input_shift))


@on_run
def floats_returned(run: Any, inputs: Any, state: Any, record: Any) -> Any:
    """Results are float64, of the right values."""
    return map_tree(lambda a: np.asarray(a, np.float64), run(inputs, state, record))


@on_run
def results_in_32_bits(run: Any, inputs: Any, state: Any, record: Any) -> Any:
    """Results are cut to 32 bits."""
    found = run(inputs, state, record)
    return map_tree(lambda a: np.asarray(a).astype(np.int32).astype(np.int64), found)


@on_run
def overflows_of_the_last_run_only(run: Any, inputs: Any, state: Any, record: Any) -> Any:
    """The counts of overflows start at 0 in every run, whatever state it is given."""
    return run(inputs, _without_counts(state), record)


def _without_counts(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    return {
        name: own * 0 if name.endswith("_overflows") else _without_counts(own)
        for name, own in tree.items()
    }
