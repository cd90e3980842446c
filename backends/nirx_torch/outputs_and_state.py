"""Splits what forward returns into outputs and new state, and closes the feedback loops."""

from __future__ import annotations

from typing import Any

import torch

from nirx.errors import UnsupportedError, warn_caller
from nirx.execution.runners import takes_state
from nirx.tracing.interpreter import Interpreter
from nirx.tracing.membranes import is_record, recorded
from nirx.tracing.value import Value
from nirx_torch.exporters import starts_afresh
from nirx_torch.lowering import Dimension, LeafResult, LeafState, Shape, StateIn
from nirx_torch.trace import Trace
from nirx_torch.trees import find, flat, is_state, loop_name

__all__ = ["OutputsAndState"]


class OutputsAndState(Interpreter):
    """The half of the interpreter that handles what forward returns."""

    def __init__(self, module: torch.nn.Module, trace: Trace):
        super().__init__(f"{type(module).__name__}.forward")
        self.module, self.trace = module, trace
        self.stateful_calls: list[LeafResult] = []
        self.taken_for_state: list[str] = []
        """Arguments whose new value forward returns beside its output, as a bare tensor."""

    def _resolved(self, tree: Any) -> Any:
        raise NotImplementedError

    def _value(self, flow: Any) -> Any:
        raise NotImplementedError

    def loop_name(self, key: Any) -> str:
        return loop_name(*key)

    def _end(self, result: Any) -> None:
        """Add what forward returns, and what it leaves in attributes, to the draft."""
        hidden = {slot: self._resolved(left) for slot, left in self.trace.hidden.items()}
        outputs, new_state = self._split(result)
        self._require_states_returned(new_state, hidden)
        states = {part.root for call in self.stateful_calls for part in call.state_in}
        self.add_outputs(
            self._returned(outputs, states, new_state is None),
            lambda flow, where: self._value(flow),
        )
        if self.taken_for_state:
            warn_caller(
                f"{self.kind} takes {', '.join(map(repr, self.taken_for_state))} and returns the "
                "new value: it is taken for state, which networks of nirx carry themselves, not "
                "for an output; return (y, membrane), state to have it recorded too"
            )
        self.close_loops(
            lambda key: self._new(hidden.get(key[0]) if _is_slot(key[0]) else new_state, key),
            lambda key: self.trace.before.get(key[0]) if _is_slot(key[0]) else None,
        )

    def _returned(self, tree: Any, states: set[Any], alone: bool) -> Any:
        """What forward returns, in lists and dicts; what is no output is None.

        Arguments:
            states: the arguments and attributes that modules get their states from.
            alone: whether nothing is returned besides, so that a part of it may be the state.
        """
        if isinstance(tree, dict):
            return {key: self._returned(part, states, alone) for key, part in tree.items()}
        if isinstance(tree, tuple | list):
            return [self._returned(part, states, alone) for part in tree]
        if isinstance(tree, LeafState):
            if alone and self._is_threaded(tree):
                return None
            return self.recording(tree, "what forward returns")
        return None if is_state(tree, states) else tree

    def _is_threaded(self, state: LeafState) -> bool:
        """Whether an argument of any name carries it to the next step, so that it is state.

        A bare tensor may have been meant as an output too, so that `_end` warns.
        """
        given = [part for part in state.result.state_in if isinstance(part, StateIn)]
        if len(state.path) > 1 or not given or not all(isinstance(p.root, str) for p in given):
            return False
        nodes = [str(name) for name in state.result.value.sources]
        if not any(p.path for p in given) and not any(is_record(self.draft, n) for n in nodes):
            self.taken_for_state += [str(p.root) for p in given]
        return True

    def recording(self, state: LeafState, where: str) -> Any:
        """The recording of a module's state, or of a part of it. **Raises** `UnsupportedError`."""
        (node,) = state.result.value.sources
        path = state.path or (1,)
        if state.result.module not in self.draft.modules.values():
            raise UnsupportedError(
                f"{where} is the state of {state.result.module}, a bypassed module"
            )
        return recorded(self.draft, str(node), path, where)

    def _split(self, result: Any) -> tuple[Any, Any]:
        """The outputs and the new state, or None if forward returns none."""
        if isinstance(result, LeafResult):
            return result.value, LeafState(result)
        pair = isinstance(result, tuple | list) and len(result) == 2
        if not (pair and takes_state(self.module.forward)):
            return result, None
        parts = flat(result[1])
        if "state" not in self.trace.pinned:
            if not self._reads_state() and any(isinstance(p, Value) for p in parts):
                return result, None  # nothing reads the argument `state`: these are two outputs
        elif any(isinstance(p, Value) and p.sources for p in parts):
            raise UnsupportedError(
                f"{self.kind} returns a state with more than the states of its modules, but "
                "concrete_args pins its argument `state`, which hides how that is used; leave it "
                "out of concrete_args"
            )
        return result[0], result[1]

    def _reads_state(self) -> bool:
        loops = any(root == "state" for root, _ in self.loops)
        parts = (part for call in self.stateful_calls for part in call.state_in)
        return loops or any(isinstance(p, StateIn) and p.root == "state" for p in parts)

    def _require_states_returned(self, new_state: Any, hidden: dict[Any, Any]) -> None:
        """Every module has to get the state that it left itself, as NIR's nodes do."""
        given = takes_state(self.module.forward) and "state" not in self.trace.pinned
        threads = given and new_state is not None
        if given and not threads and self._reads_state():
            raise UnsupportedError(
                f"{self.kind} takes a state but does not return one; return (y, state)"
            )
        for call in self.stateful_calls:
            own = [part for part in call.state_in if isinstance(part, StateIn)]
            alone = starts_afresh(self.module.get_submodule(call.module)) and not own
            if alone and threads:
                raise UnsupportedError(
                    f"{call.module} starts afresh in every step: forward passes it no part of its "
                    "argument `state`"
                )
            if alone and call.unpacked and "state" not in self.trace.pinned:
                warn_caller(
                    f"{call.module} gets no state in forward, so it starts afresh in every step; "
                    "its NIR node keeps its state"
                )
            for part in own:
                if _is_slot(part.root):
                    left = hidden.get(part.root)
                elif part.root == "state" and threads:
                    left = new_state
                else:
                    continue  # another argument: feeding it back is up to the caller
                found = find(left, part.path)
                own_state = isinstance(found, LeafState) and found.result is call
                if not own_state and found is not call.value:  # its last output may be state too
                    raise UnsupportedError(
                        f"{call.module} reads {loop_name(part.root, part.path)!r}, but forward "
                        "does not leave its new state there"
                    )

    def _new(self, left: Any, key: Any) -> Any:
        """What a step leaves in a part of its state."""
        found = find(left, key[1])
        if found is None or isinstance(found, Dimension | Shape):
            raise UnsupportedError(f"{loop_name(*key)}: forward reads it but leaves no value there")
        if isinstance(found, LeafState):
            raise UnsupportedError(
                f"{loop_name(*key)}: the state of {found.result.module} is read as a value"
            )
        return self._value(found)


def _is_slot(root: Any) -> bool:
    """Whether a part of the state is in a module's attribute rather than an argument."""
    return isinstance(root, tuple)
