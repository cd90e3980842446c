"""The ends of a trace: what forward gives back is outputs, and the state that closes the loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from nirx.errors import UnsupportedError, warn_caller
from nirx.execution.runners import takes_state
from nirx.tracing.draft import Draft
from nirx.tracing.value import Value
from nirx_torch.exporters import starts_afresh
from nirx_torch.lowering import (
    Dimension,
    LeafResult,
    LeafState,
    Shape,
    StateIn,
    zero,
)
from nirx_torch.nests import after as standing_at
from nirx_torch.nests import flat, is_state, loop_name, named
from nirx_torch.trace import Trace

__all__ = ["Ends"]


class Ends:
    """The half of the interpreter that deals with what comes back."""

    module: torch.nn.Module
    trace: Trace
    draft: Draft
    loops: dict[tuple[Any, tuple[Any, ...]], Value]
    stateful_calls: list[LeafResult]

    def _resolved(self, tree: Any) -> Any:
        raise NotImplementedError

    def _value(self, flow: Any) -> Any:
        raise NotImplementedError

    def _split(self, result: Any) -> tuple[Any, Any]:
        if isinstance(result, LeafResult):
            return result.value, LeafState(result)
        pair = isinstance(result, tuple | list) and len(result) == 2
        if not (pair and takes_state(self.module.forward)):
            return result, None
        if "state" in self.trace.pinned:
            self._require_no_values(result[1])
        elif not self._reads_state() and any(isinstance(p, Value) for p in flat(result[1])):
            return result, None  # nothing reads the argument `state`: these are two outputs
        return result[0], result[1]

    def _reads_state(self) -> bool:
        loops = any(root == "state" for root, _ in self.loops)
        parts = (part for call in self.stateful_calls for part in call.state_in)
        return loops or any(isinstance(p, StateIn) and p.root == "state" for p in parts)

    def _require_states_returned(self, new_state: Any) -> None:
        """Every module has to find the state that it left itself: NIR's nodes do."""
        hidden = {slot: self._resolved(left) for slot, left in self.trace.hidden.items()}
        given = takes_state(self.module.forward) and "state" not in self.trace.pinned
        threads = given and new_state is not None
        if given and not threads and self._reads_state():
            raise UnsupportedError(
                f"{type(self.module).__name__}.forward takes a state but does not give one back; "
                "return (y, state)"
            )
        for call in self.stateful_calls:
            own = [part for part in call.state_in if isinstance(part, StateIn)]
            module = self.module.get_submodule(call.module)
            if threads and not own and starts_afresh(module):
                raise UnsupportedError(
                    f"{call.module} starts afresh in every step: forward passes it no part of its "
                    "argument `state`"
                )
            alone = starts_afresh(module) and not own
            if alone and call.unpacked and "state" not in self.trace.pinned:
                warn_caller(
                    f"{call.module} gets no state in forward, so it starts afresh in every step; "
                    "its NIR node keeps its state"
                )
            for part in own:
                if isinstance(part.root, tuple):
                    after = hidden.get(part.root)
                elif part.root == "state" and threads:
                    after = new_state
                else:
                    continue  # an argument: what comes back as it is the caller's affair
                found = standing_at(after, part.path)
                own_state = isinstance(found, LeafState) and found.result is call
                if not own_state and found is not call.value:  # its last output may be state too
                    raise UnsupportedError(
                        f"{call.module} reads {loop_name(part.root, part.path)!r}, where forward "
                        "does not leave the state that it gives back"
                    )

    def _require_no_values(self, state: Any) -> None:
        if any(isinstance(part, Value) and part.sources for part in flat(state)):
            raise UnsupportedError(
                f"{type(self.module).__name__}.forward returns a state that holds more than the "
                "states of its modules, but concrete_args pins its argument `state`, so what "
                "becomes of it is not seen; leave it out of concrete_args"
            )

    def _outputs(self, result: Any) -> None:
        states = {part.root for call in self.stateful_calls for part in call.state_in}
        found = [(name, part) for name, part in named(result) if not is_state(part, states)]
        if not found:
            raise UnsupportedError(f"{type(self.module).__name__}.forward returns no value")
        for name, part in found:
            value = self._value(part)
            if not isinstance(value, Value):
                raise UnsupportedError(f"output {name!r} is a constant, which NIR has no node for")
            self.draft.output("output" if len(found) == 1 else name, value)

    def _close(self, new_state: Any) -> None:
        hidden = {slot: self._resolved(left) for slot, left in self.trace.hidden.items()}
        closed = set()
        while len(closed) < len(self.loops):  # what closes one may read another
            for key, late in list(self.loops.items()):
                if key in closed:
                    continue
                closed.add(key)
                root, path = key
                after = hidden.get(root) if isinstance(root, tuple) else new_state
                self.draft.close(late, self._new(after, root, path))
                if isinstance(root, tuple):
                    self._warn_of_start(root)

    def _new(self, after: Any, root: Any, path: tuple[Any, ...]) -> Value:
        """What a step leaves at a place of its state."""
        found = standing_at(after, path)
        if found is None or isinstance(found, Dimension | Shape):
            raise UnsupportedError(f"{loop_name(root, path)}: forward reads it but leaves no value")
        if isinstance(found, LeafState):
            raise UnsupportedError(
                f"{loop_name(root, path)}: the state of {found.result.module} is read as a value"
            )
        value = self._value(found)
        if not isinstance(value, Value):
            if np.any(np.asarray(value.content)):
                raise UnsupportedError(f"{loop_name(root, path)}: forward leaves a constant there")
            return zero()
        return value

    def _warn_of_start(self, slot: tuple[str, str]) -> None:
        start = self.trace.before.get(slot)
        if isinstance(start, torch.Tensor) and bool(start.detach().any()):
            warn_caller(
                f"{loop_name(slot, ())} does not start at zero; a NIR graph holds no start, "
                "pass it as state to the network"
            )
