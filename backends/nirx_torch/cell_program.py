"""A cell's graph as the checked expression of a neuron's step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import fx
from torch.fx.node import map_arg

from nirx.dynamics.expression import Expression, NotElementwise
from nirx.dynamics.formula import Formula, detach
from nirx.dynamics.parameters import NodeMismatch
from nirx.dynamics.program import INPUT, OUTPUT, PARAMETER, STATE, Program
from nirx.tracing.layers import array
from nirx_torch.cell_masks import Mask
from nirx_torch.cell_operations import IDENTITIES, MADE, OPERATIONS
from nirx_torch.cell_trace import (
    BATCH,
    Cell,
    StepGraph,
    is_write,
    name_of,
    owner,
    refuse_operation,
)

__all__ = ["ProgramWriter", "per_sample"]


class ProgramWriter:
    """Writes the program of a graph.

    Arguments:
        cell, graph: the cell and its step.
        states: the placeholders of states, with their names.
        names: of the module's tensors, by id.
    """

    def __init__(
        self, cell: Cell, graph: StepGraph, states: Mapping[fx.Node, str], names: Mapping[int, str]
    ):
        self.cell, self.graph, self.states, self.names = cell, graph, states, names
        self.expression = Expression()
        self.values: dict[fx.Node, Any] = {}
        """What flows, by the node that owns the memory."""
        self.parameters: dict[str, np.ndarray] = {}
        self.known: dict[fx.Node, torch.Tensor] = {}
        """Values that depend on the module's tensors only."""

    def write(self, y: fx.Node, new: Mapping[str, fx.Node]) -> Program:
        """The program.

        Arguments:
            y: the output.
            new: what the step leaves in each state.

        **Raises**: `UnsupportedError` with the operation and its line.
        """
        live = self._live([y, *new.values()])
        for node in self.graph.code.graph.nodes:
            if node in live or (is_write(node) and owner(node) in live):
                self._visit(node)
        self._require_shape(y, exact=True)
        results = {OUTPUT: y, **{STATE + name: node for name, node in new.items()}}
        self.expression.results = {k: self._number(n).position for k, n in results.items()}
        program = Program(_pruned(self.expression), tuple(new))
        self.parameters = {k: self.parameters[k] for k in program.parameters}
        try:
            program.check(tuple(self.parameters))
        except NodeMismatch as mismatch:
            reason = f"as a neuron, {mismatch.found}; expected {mismatch.expected}"
            raise self.cell.refusal(reason) from mismatch
        return program

    def _live(self, wanted: list[fx.Node]) -> set[fx.Node]:
        return live_nodes(self.graph, wanted)

    def _visit(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            name = STATE + self.states[node] if node in self.states else INPUT
            made = self._input(name)
            is_bool = node.meta["val"].dtype == torch.bool
            self.values[node] = Mask(made) if is_bool else made
        elif node.op == "get_attr":
            self.known[node] = self.graph.constant(node)
        elif node.op == "call_function":
            self._operation(node)

    def _operation(self, node: fx.Node) -> None:
        name = name_of(node)
        given: list[fx.Node] = node.all_input_nodes
        if not is_write(node) and given and all(n in self.known for n in given):
            self._evaluate(node, given)
            if name not in OPERATIONS:
                return
        if owner(node) is not node and not is_write(node):  # it shares memory: read when used
            self._require_same_place(node)
            return
        base = name.rstrip("_") if is_write(node) else name
        if base in MADE:
            made = MADE[base](self, node)
        elif base in IDENTITIES:
            self._require_same_place(node)
            made = IDENTITIES[base](self._read(given[0]), node)
        elif base in OPERATIONS:
            made = self._applied(base, node)
        else:
            raise refuse_operation(self.cell, node)
        if is_write(node):
            target: Any = node.args[0]
            if owner(target) in self.known and owner(target) not in self.values:
                raise refuse_operation(
                    self.cell, node, "writes into a tensor that is not a state of the cell"
                )
            self.values[owner(node)] = made
        else:
            self.values[node] = made
        if node not in self.known:
            self._require_shape(node)

    def _applied(self, base: str, node: fx.Node) -> Any:
        arguments = map_arg(node.args, self._read)
        options = map_arg(dict(node.kwargs), self._read)
        try:
            return OPERATIONS[base](self, *arguments, **options)
        except NotElementwise as error:
            raise refuse_operation(self.cell, node, f"has no form in a neuron ({error})") from error
        except TypeError as error:  # arguments of a kind that the table does not have
            raise refuse_operation(self.cell, node, "is used in a way with no form") from error

    def _evaluate(self, node: fx.Node, given: list[fx.Node]) -> None:
        """Compute what depends on the module's tensors only, once."""
        arguments = map_arg((node.args, dict(node.kwargs)), lambda n: self.known[n])
        with torch.no_grad():
            value = node.target(*arguments[0], **arguments[1])  # type: ignore[operator]
        self.known[node] = value
        origin = next((self.names[id(self.known[n])] for n in given if self._named(n)), None)
        if origin is not None and id(value) not in self.names:
            plain = name_of(node) in IDENTITIES
            self.names = {**self.names, id(value): origin if plain else f"{origin}_{name_of(node)}"}

    def _named(self, node: fx.Node) -> bool:
        return id(self.known[node]) in self.names

    # -- values -------------------------------------------------------------------------

    def _read(self, node: Any) -> Any:
        """What flows: a formula or a mask."""
        base = owner(node)
        if base not in self.values:
            return self._parameter(self.known[node])
        value = self.values[base]
        while node is not base:
            if name_of(node) == "detach" and isinstance(value, Formula):
                return detach(value)
            node = node.args[0]
        return value

    def _number(self, node: Any) -> Formula:
        return self.number(self._read(node))

    def number(self, value: Any) -> Formula:
        """A value as a formula: a comparison becomes spikes."""
        if isinstance(value, Mask):
            return value.spikes()
        if isinstance(value, Formula):
            return value
        if isinstance(value, bool | int | float):
            position = self.expression.add("constant", value=float(value))
            return Formula(self.expression, position, self.cell.label)
        raise NotElementwise(f"a {type(value).__name__} as an operand")

    def _input(self, name: str) -> Formula:
        position = self.expression.add("input", value=name)
        return Formula(self.expression, position, self.cell.label)

    def _parameter(self, tensor: torch.Tensor) -> Any:
        name = self.names.get(id(tensor))
        if name is None and tensor.numel() == 1:
            return self.number(tensor.item())
        value = per_sample(self.cell, tensor)
        name = base = name or "constant"
        number = 1
        while name in self.parameters and self.parameters[name] is not value:
            if np.array_equal(self.parameters[name], value):
                break
            number += 1
            name = f"{base}_{number}"
        self.parameters.setdefault(name, value)
        made = self._input(PARAMETER + name)
        return Mask(made) if tensor.dtype == torch.bool else made

    # -- shapes -------------------------------------------------------------------------

    def _require_shape(self, node: fx.Node, exact: bool = False) -> None:
        """No operation mixes the samples or the neurons."""
        shape, full = _shape(node), (BATCH, *self.cell.shape)
        own, whole = _without_ones(shape), _without_ones(full)
        tail = full[len(full) - len(shape) :]
        aligned = len(shape) == len(tail) and all(
            a in (1, b) for a, b in zip(shape, tail, strict=True)
        )
        if (exact and shape != full) or not (aligned or own in (whole, whole[1:])):
            raise refuse_operation(
                self.cell, node, f"gives shape {shape} from an input of shape {full}"
            )

    def _require_same_place(self, node: fx.Node) -> None:
        """A view may only add or remove axes of one element, or repeat along axes."""
        (source, *others) = node.all_input_nodes
        before, after = _shape(source), _shape(node)
        same = _without_ones(before) == _without_ones(after) and not others
        if not (same or name_of(node) == "expand"):
            raise refuse_operation(self.cell, node)


def live_nodes(graph: StepGraph, wanted: list[fx.Node]) -> set[fx.Node]:
    """What the wanted values depend on, writes into them included."""
    writes: dict[fx.Node, list[fx.Node]] = {}
    for node in graph.code.graph.nodes:
        if is_write(node):
            writes.setdefault(owner(node), []).append(node)
    live: set[fx.Node] = set()
    work = list(wanted)
    while work:
        node = work.pop()
        if node not in live:
            live.add(node)
            work += [*node.all_input_nodes, *writes.get(owner(node), [])]
    return live


def per_sample(cell: Cell, tensor: torch.Tensor) -> np.ndarray:
    """A constant without the axis of the batch. **Raises** `UnsupportedError`."""
    value = array(tensor.detach())
    if value.dtype == bool:
        value = value.astype(np.float32)
    if value.ndim == 1 + len(cell.shape) and value.shape[0] == BATCH:
        if not np.array_equal(value[0], value[1], equal_nan=True):
            raise cell.refusal("a tensor of it has other values for every sample of a batch")
        value = value[0]
    while value.ndim and value.shape[0] == 1:
        value = value[0]
    return np.array(value)


def _shape(node: fx.Node) -> tuple[int, ...]:
    """Of a value, or of the only part of one that was taken apart."""
    value = node.meta["val"]
    if isinstance(value, list | tuple):
        return tuple(value[0].shape) if len(value) == 1 else ()
    return tuple(value.shape)


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


def _pruned(expression: Expression) -> Expression:
    """The same without operations that no result needs."""
    needed = expression.needed(list(expression.results.values()))
    kept, moved = Expression(), {}
    for position, own in enumerate(expression.operations):
        if needed[position]:
            value = float(own.value) if own.name == "constant" else own.value
            moved[position] = kept.add(own.name, *(moved[o] for o in own.operands), value=value)
    kept.results = {name: moved[position] for name, position in expression.results.items()}
    return kept
