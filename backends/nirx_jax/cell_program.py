"""The program of a `nirx.Neuron` from the jaxpr of one step of a cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nirx.basics.foreign_arrays import to_numpy
from nirx.dynamics.expression import Expression
from nirx.dynamics.formula import Formula
from nirx.dynamics.program import INPUT, OUTPUT, PARAMETER, STATE, Program
from nirx.dynamics.surrogate_formulas import NamedSurrogate
from nirx.errors import UnsupportedError
from nirx_jax.cell_arrays import at_positions, names_for, short_number
from nirx_jax.cell_flat import SPIKE, Slot, Step
from nirx_jax.cell_formulas import COMPARISONS, ELEMENTWISE, FOLDS
from nirx_jax.cell_reads import MOVES, PASSES, Reads, Request, choice
from nirx_jax.cell_spikes import is_spike_function
from nirx_jax.cell_surrogate import surrogate_of_call
from nirx_jax.cell_trace import TracedCell

__all__ = ["Component", "Parts", "parts_of"]


@dataclass(frozen=True)
class Component:
    """A state of the neuron: elements of one array of the cell's state.

    Arguments:
        leaf: the number of that array.
        positions: of the elements in it, one for each element of the input.
    """

    leaf: int
    positions: np.ndarray


@dataclass
class Parts:
    """What a `nirx.Neuron` is made of.

    Arguments:
        program: its step.
        parameters: arrays by name.
        states: where each state is in the state of the cell.
        surrogates: those of its spike functions with a gradient of their own; None for what nirx
            lacks.
    """

    program: Program
    parameters: dict[str, np.ndarray]
    states: dict[str, Component]
    surrogates: list[NamedSurrogate | None]


def parts_of(traced: TracedCell) -> Parts:
    """The parts of a neuron from one step of a cell.

    **Raises**: `UnsupportedError`, with the operation and its line, where elements mix.
    """
    return _Building(traced).run()


@dataclass
class _Building:
    traced: TracedCell
    expression: Expression = field(default_factory=Expression)
    values: dict[tuple[Slot, Any], Formula] = field(default_factory=dict)
    held: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.kind, self.shape = self.traced.kind, self.traced.shape
        self.cell, self.states = self.traced.flat, self.traced.states
        self.whole = np.arange(int(np.prod(self.shape)))
        self.reads = Reads(self.cell, self.whole.size)
        self.has_surrogate = False
        self.surrogates: list[NamedSurrogate | None] = []

    def run(self) -> Parts:
        y = self.reads.want(self.traced.y, Request(self.whole, number=True))
        components = self.all_components()
        names = names_for([(self.states[c.leaf].name, c) for c in components])
        for name, component in names.items():
            key = Request(component.positions, False).key
            self.values[self.states[component.leaf].old, key] = self.input(STATE + name)
        self.take_input()
        self.take_parameters()
        for slot, requests in self.reads.of.items():
            if slot.known is not None:
                for request in requests.values():
                    self.values[slot, request.key] = self.constant(slot, request)
        self.has_surrogate = any(
            s.custom and s.name in COMPARISONS and s.results[0] in self.reads.of
            for s in self.cell.steps
        )
        for step in self.cell.steps:
            for result in step.results:
                for request in list(self.reads.of.get(result, {}).values()):
                    self.values[result, request.key] = self.value(step, result, request)
        results = {OUTPUT: self.found(self.traced.y, y).position}
        for name, component in names.items():
            new = self.states[component.leaf].new
            wanted = Request(component.positions, number=False)
            results[STATE + name] = self.found(new, wanted).position
        return Parts(self.finished(results, tuple(names)), self.held, names, self.surrogates)

    def finished(self, results: dict[str, int], states: tuple[str, ...]) -> Program:
        """The program without the operations that nothing needs."""
        needed = self.expression.needed(list(results.values()))
        own, moved = Expression(), {}
        for position, operation in enumerate(self.expression.operations):
            if needed[position]:
                operands = (moved[o] for o in operation.operands)
                value = operation.value
                value = float(value) if operation.name == "constant" else value
                moved[position] = own.add(operation.name, *operands, value=value)
        own.results = {name: moved[position] for name, position in results.items()}
        used = own.used_inputs()
        self.held = {k: v for k, v in self.held.items() if PARAMETER + k in used}
        return Program(own, states)

    # -- what is read -------------------------------------------------------------------

    def all_components(self) -> list[Component]:
        """The states that the results depend on, and those of an input's shape."""
        found: list[Component] = []
        for slot in (state.old for state in self.states):
            if slot.is_float and _broadcasts(slot.shape, self.shape):
                where = np.arange(int(np.prod(slot.shape))).reshape(slot.shape)
                self.reads.want(slot, Request(np.broadcast_to(where, self.shape).ravel(), False))
        while True:
            self.reads.spread()
            fresh = [c for c in self.components_read() if not _among(c, found)]
            if not fresh:
                return sorted(found, key=lambda c: (c.leaf, int(c.positions[0])))
            for component in fresh:
                found.append(component)
                request = Request(component.positions, number=False)
                self.reads.want(self.states[component.leaf].new, request)

    def components_read(self) -> list[Component]:
        found: list[Component] = []
        for leaf, state in enumerate(self.states):
            mine: list[Request] = []
            for request in self.reads.of.get(state.old, {}).values():
                if any((request.positions == m.positions).all() for m in mine):
                    continue
                shared = [m for m in mine if np.isin(request.positions, m.positions).any()]
                if shared:
                    raise self.mixed(request if request.via else shared[0])
                mine.append(request)
            found += [Component(leaf, r.positions) for r in mine]
        return found

    def mixed(self, request: Request) -> UnsupportedError:
        at = request.via.place if request.via is not None else self.kind
        return UnsupportedError(
            f"{at} mixes elements, and a nirx.Neuron computes each element by itself; move it "
            "into a layer before or after the neuron"
        )

    def take_input(self) -> None:
        for request in self.reads.of.get(self.traced.x, {}).values():
            if not (request.positions == self.whole).all():
                raise self.mixed(request)
            self.values[self.traced.x, request.key] = self.input(INPUT)

    def take_parameters(self) -> None:
        """Named arrays, for every way in which an array is read."""
        read = [
            (name, (slot, request, array))
            for name, array, slot in self.traced.parameters
            for request in self.reads.of.get(slot, {}).values()
        ]
        for name, (slot, request, array) in names_for(read).items():
            if not np.issubdtype(slot.dtype, np.number) and not slot.is_mask:
                raise UnsupportedError(f"{self.kind}: it computes with {name}, a {slot.dtype}")
            self.values[slot, request.key] = self.parameter(name, array, request)
        # A state may be read as a mask and as a number.
        for slot in (state.old for state in self.states):
            for request in self.reads.of.get(slot, {}).values():
                key = Request(request.positions, number=False).key
                self.values[slot, request.key] = self.values[slot, key]

    def parameter(self, name: str, array: Any, request: Request) -> Formula:
        held = at_positions(to_numpy(array), request.positions, self.shape)
        self.held[name] = held.astype(np.float32) if held.dtype.kind in "biu" else held
        return self.input(PARAMETER + name)

    def input(self, name: str) -> Formula:
        return self.formula(self.expression.add("input", value=name))

    def constant(self, slot: Slot, request: Request) -> Formula:
        values = to_numpy(slot.known).ravel()[request.positions]
        if (values == values[0]).all() or np.isnan(values).all():
            number = short_number(values[0])
            return self.formula(self.expression.add("constant", value=number))
        name = f"constant_{sum(n.startswith('constant_') for n in self.held)}"
        return self.parameter(name, slot.known, request)

    def formula(self, position: int) -> Formula:
        return Formula(self.expression, position, f"{self.kind}: its step")

    # -- what is computed ---------------------------------------------------------------

    def found(self, slot: Slot, request: Request) -> Formula:
        number = request.number and slot.is_mask
        positions = np.zeros_like(self.whole) if slot.shape == () else request.positions
        return self.values[slot, Request(positions, number).key]

    def value(self, step: Step, result: Slot, request: Request) -> Formula:
        operands = [
            self.found(slot, wanted) for slot, wanted in self.reads.operands(step, result, request)
        ]
        if step.name in PASSES or step.name in MOVES:
            return operands[0]
        if step.name in FOLDS:
            total, *others = operands
            for other in others:
                total = FOLDS[step.name](total, other)
            return total
        if step.name == SPIKE:
            return self.as_spike(step, *operands)
        if step.name == "select_n" and (one := choice(step)) is not None:
            return operands[0] if one else 1.0 - operands[0]
        own = ELEMENTWISE[step.name](step, *operands)
        if step.name in COMPARISONS and request.number and step.operands[0].is_float:
            return self.compared(step, own)
        return own

    def compared(self, step: Step, mask: Formula) -> Formula:
        """A comparison that becomes a number: a spike, unless others have the surrogate."""
        if self.has_surrogate and not step.custom:
            return mask
        v, threshold = (self.formula(o) for o in self.expression.operations[mask.position].operands)
        return mask.made("spike", mask, v, threshold)

    def as_spike(self, step: Step, value: Formula, given: Formula) -> Formula:
        """The result of a call with its own gradient: a spike too where it is a step at 0."""
        is_spike = is_spike_function(step.eqn)
        if is_spike:
            self.surrogates.append(surrogate_of_call(step.eqn))
        needed = self.expression.needed([value.position])
        names = (o.name for o, n in zip(self.expression.operations, needed, strict=True) if n)
        if "spike" in names or not is_spike:
            return value
        return value.made("spike", value, given, 0.0)


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False


def _among(component: Component, found: list[Component]) -> bool:
    return any(
        c.leaf == component.leaf and (c.positions == component.positions).all() for c in found
    )
