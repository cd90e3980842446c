"""`Interpreter`: how inputs, outputs and loops of a traced step become parts of a draft."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nirx.basics.foreign_arrays import to_numpy
from nirx.dynamics.ops import Shape
from nirx.errors import UnsupportedError, warn_caller
from nirx.tracing.draft import Draft
from nirx.tracing.lowering import Constant
from nirx.tracing.membranes import Recorded, membrane_value, never_resets
from nirx.tracing.value import Value

__all__ = ["Interpreter", "output_name"]


def output_name(keys: tuple[Any, ...]) -> str:
    """The name of an output, from the keys that lead to it in what a program returns."""
    name = "output"
    for key in keys:
        name = f"{name}_{key}" if isinstance(key, int) else str(key)
    return name


def _leaves(tree: Any, keys: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(tree, list | dict):
        pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for key, part in pairs:
            yield from _leaves(part, (*keys, key))
    elif tree is not None:
        yield keys, tree


def _rebuilt(tree: Any, leaves: Iterator[Any]) -> Any:
    """The tree with other leaves, in the order of `_leaves`."""
    if isinstance(tree, list):
        return [_rebuilt(part, leaves) for part in tree]
    if isinstance(tree, dict):
        return {str(key): _rebuilt(part, leaves) for key, part in tree.items()}
    return None if tree is None else next(leaves)


class Interpreter:
    """The framework-independent half of an interpreter of traces.

    Arguments:
        kind: the type of the traced module, for errors.
    """

    def __init__(self, kind: str):
        self.kind = kind
        self.draft = Draft()
        self.inputs: dict[str, Value] = {}
        self.loops: dict[Any, Value] = {}
        """By what identifies the part of the state that they carry."""

    def loop_name(self, key: Any) -> str:
        """What a part of the state is called."""
        raise NotImplementedError

    def read_input(self, name: str, shape: Shape | None) -> Value:
        """An input of the network; it becomes an Input when it is first read."""
        if name not in self.inputs:
            self.inputs[name] = self.draft.input(name, shape)
        return self.inputs[name]

    def read_state(self, key: Any, shape: Shape | None = None) -> Value:
        """What the previous step left in a part of the state."""
        if key not in self.loops:
            self.loops[key] = self.draft.late(self.loop_name(key), shape)
        return self.loops[key]

    def add_outputs(self, tree: Any, as_value: Callable[[Any, str], Any]) -> None:
        """Add the outputs; a single one is called "output".

        A membrane potential becomes a recording, with a warning: NIR has no Output for it.

        Arguments:
            tree: what the program returns, in nested lists and dicts; None is left out. A
                `Recorded` is a state variable, anything else goes to `as_value`.
            as_value: turns what flows into a `Value`.
        """
        leaves = list(_leaves(tree, ()))
        if not leaves:
            raise UnsupportedError(f"{self.kind} returns no value")
        recorded = [
            isinstance(part, Recorded) and not self._is_membrane(part, leaves) for _, part in leaves
        ]
        alone = recorded.count(False) == 1
        found = [
            part if kept else self._output("output" if alone else output_name(keys), part, as_value)
            for (keys, part), kept in zip(leaves, recorded, strict=True)
        ]
        if any(recorded):
            self._keep(tree, found)

    def _output(self, name: str, flow: Any, as_value: Callable[[Any, str], Any]) -> str:
        """Add an Output; returns its name."""
        where = f"output {name!r}"
        if isinstance(flow, Recorded):
            value = membrane_value(self.draft, flow, f"{where} is a state")
        else:
            value = as_value(flow, where)
        return self.draft.output(name, value if isinstance(value, Value) else Value(()))

    def _keep(self, tree: Any, found: list[Any]) -> None:
        """Keep what no Output can carry: `found` has a `Recorded` or an Output for each leaf."""
        kept = [part for part in found if isinstance(part, Recorded)]
        if len(kept) == len(found):  # NIR has no graph without an Output
            nodes = list(dict.fromkeys(part.node for part in kept))
            for node in nodes:
                name = "output" if len(nodes) == 1 else f"output_{node}"
                self.draft.output(name, Value((node,), self.draft.shapes[node]))
        self.draft.returns = _rebuilt(tree, iter(found))
        self.draft.returned_by = self.kind

    def _is_membrane(self, part: Recorded, leaves: list[tuple[Any, Any]]) -> bool:
        """Whether an output is the membrane of a neuron that never resets and is not read else."""
        if part.node in self.draft.twins:
            return part.variable == "v"
        spikes = any(s == part.node for s, _ in self.draft.edges) or any(
            isinstance(flow, Value) and part.node in flow.sources for _, flow in leaves
        )
        return never_resets(self.draft, part) and not spikes

    def close_loops(
        self, new_state: Callable[[Any], Value | Constant], start_of: Callable[[Any], Any]
    ) -> None:
        """Close every loop that was read.

        Arguments:
            new_state: what the step leaves in a part of the state.
            start_of: what that part holds before the first step, or None.
        """
        closed: list[Any] = []
        while len(closed) < len(self.loops):  # what closes one loop may read another
            for key, late in [item for item in self.loops.items() if item[0] not in closed]:
                closed.append(key)
                value = new_state(key)
                if isinstance(value, Constant):
                    if np.any(to_numpy(value.content)):
                        raise UnsupportedError(
                            f"{self.loop_name(key)}: the step leaves a constant there"
                        )
                    value = Value(())
                self.draft.close(late, value)
                start = start_of(key)
                if hasattr(start, "__array__") and np.any(to_numpy(start)):
                    warn_caller(
                        f"{self.loop_name(key)} does not start at zero; a NIR graph has no initial "
                        "state, pass it to the network as state"
                    )

    def finish(self) -> Draft:
        """The draft; a single input is called "input"."""
        if len(self.inputs) == 1:
            self.draft.rename(next(iter(self.inputs)), "input")
        return self.draft
