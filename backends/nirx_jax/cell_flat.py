"""The jaxpr of a cell as one list of operations, without calls and without what is constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jax.extend.core import Literal

from nirx_jax.source_location import label_of, place_of
from nirx_jax.walk import INNER, inner_of

__all__ = ["PASS", "RANDOM", "SPIKE", "FlatCell", "Slot", "Step", "flattened"]

CUSTOM = ("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr")
"""Calls with a gradient of their own, such as that of a surrogate."""

PASS, SPIKE = "pass", "spike"
"""Operations that this module adds: the same value, and the result of a spike function."""

RANDOM = ("random_", "threefry", "rng_")
"""How the names of random operations start; they are no constants, whatever they read."""


@dataclass(eq=False)
class Slot:
    """A value of the program.

    Arguments:
        shape, dtype: of it.
        known: its value, if it depends on nothing.
    """

    shape: tuple[int, ...]
    dtype: Any
    known: Any = None

    @property
    def is_mask(self) -> bool:
        return self.dtype == bool

    @property
    def is_float(self) -> bool:
        return str(self.dtype).startswith(("float", "bfloat"))


@dataclass(eq=False)
class Step:
    """One operation.

    Arguments:
        name: of the primitive, PASS or SPIKE.
        operands, results: values.
        eqn: the operation in the jaxpr.
        place: the operation and its line in the user's source.
        custom: whether it is within a call with a gradient of its own.
    """

    name: str
    operands: list[Slot]
    results: list[Slot]
    eqn: Any
    place: str
    custom: bool = False


@dataclass(eq=False)
class FlatCell:
    """A program: its operations in their order, what it reads, and what it returns.

    Floats among its constants are read as parameters; `constants` are their values.
    """

    steps: list[Step]
    constants: list[tuple[Slot, Any]]
    inputs: list[Slot]
    results: list[Slot]


def flattened(jaxpr: Any, kind: str) -> FlatCell:
    """A closed jaxpr as a flat program.

    Arguments:
        jaxpr: of one step.
        kind: the type of the module, for errors.
    """
    return _Flattening(kind).run(jaxpr)


class _Flattening:
    def __init__(self, kind: str):
        self.kind = kind
        self.steps: list[Step] = []

    def run(self, whole: Any) -> FlatCell:
        inputs = [_slot(v) for v in whole.jaxpr.invars]
        consts = [_slot(v) for v in whole.jaxpr.constvars]
        read = list(zip(consts, whole.consts, strict=True))
        for slot, value in read:
            slot.known = None if slot.is_float else value
        results = self.inlined(whole.jaxpr, consts, inputs, (), False)
        constants = [(slot, value) for slot, value in read if slot.is_float]
        return FlatCell(self.steps, constants, inputs, results)

    def inlined(
        self, jaxpr: Any, consts: list[Slot], given: list[Slot], around: tuple, custom: bool
    ) -> list[Slot]:
        slots: dict[Any, Slot] = dict(zip(jaxpr.invars, given, strict=True))
        slots.update(zip(jaxpr.constvars, consts, strict=True))

        def read(variable: Any) -> Slot:
            if isinstance(variable, Literal):
                aval: Any = variable.aval
                return _known(np.asarray(variable.val, aval.dtype))
            return slots[variable]

        for eqn in jaxpr.eqns:
            found = self.step(eqn, [read(v) for v in eqn.invars], around, custom)
            slots.update(zip(eqn.outvars, found, strict=True))
        return [read(v) for v in jaxpr.outvars]

    def step(self, eqn: Any, operands: list[Slot], around: tuple, custom: bool) -> list[Slot]:
        name = eqn.primitive.name
        if name in INNER:
            inner, consts = inner_of(eqn)
            own = custom or name in CUSTOM
            known = [_known(c) for c in consts]
            found = self.inlined(inner, known, operands, (*around, eqn), own)
            if name in CUSTOM and not custom:
                return [self.spikes(eqn, slot, operands, around) for slot in found]
            return found
        is_random = name.startswith(RANDOM)
        if all(o.known is not None for o in operands) and not is_random:
            given = eqn.primitive.bind(*(o.known for o in operands), **eqn.params)
            return [_known(g) for g in (given if eqn.primitive.multiple_results else [given])]
        results = [_slot(v) for v in eqn.outvars]
        self.steps.append(Step(name, operands, results, eqn, self.place(eqn, around), custom))
        return results

    def spikes(self, eqn: Any, slot: Slot, operands: list[Slot], around: tuple) -> Slot:
        """The result of a call with a gradient of its own; it may be a spike function."""
        varying = [o for o in operands if o.known is None]
        if slot.known is not None or len(varying) != 1 or not varying[0].is_float:
            return slot
        result = Slot(slot.shape, slot.dtype)
        place = self.place(eqn, around)
        self.steps.append(Step(SPIKE, [slot, varying[0]], [result], eqn, place))
        return result

    def place(self, eqn: Any, around: tuple) -> str:
        return f"{label_of(eqn, around)} {place_of(eqn, around, self.kind)}"


def _slot(variable: Any) -> Slot:
    return Slot(tuple(variable.aval.shape), variable.aval.dtype)


def _known(value: Any) -> Slot:
    return Slot(tuple(np.shape(value)), value.dtype, value)
