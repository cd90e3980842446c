"""`Interpreter`: how inputs, outputs and loops of a traced step become parts of a draft."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nirx.basics.foreign_arrays import to_numpy
from nirx.dynamics.ops import Shape
from nirx.errors import UnsupportedError, warn_caller
from nirx.tracing.draft import Draft
from nirx.tracing.lowering import Constant
from nirx.tracing.value import Value

__all__ = ["Interpreter"]


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

    def add_outputs(
        self, found: list[tuple[str, Any]], as_value: Callable[[Any, str], Any]
    ) -> None:
        """Add the outputs, given by name; a single one is called "output"."""
        if not found:
            raise UnsupportedError(f"{self.kind} returns no value")
        for given, flow in found:
            name = "output" if len(found) == 1 else given
            value = as_value(flow, f"output {name!r}")
            self.draft.output(name, value if isinstance(value, Value) else Value(()))

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
