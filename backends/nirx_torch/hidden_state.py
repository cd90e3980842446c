"""Modules that keep state in themselves: nirx reads it, carries it and resets it.

`CallGuard` calls any module as `(x, state) -> (y, state)`:

- a module with an argument `state` is called as it is;
- a module whose call leaves something in its buffers or attributes (snnTorch with
  `init_hidden=True`, sinabs, Rockpool, SpikingJelly) has that as its state: it is put there
  before the call and read after it;
- a module that returns (y, parts of its state) and takes these as its further arguments
  (torch's own RNNs) gets them;
- any other module has no state.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from nirx.bridging.neuron import BridgedNeuron
from nirx.errors import InputError, warn_caller
from nirx.execution.runners import takes_state
from nirx_torch.held_values import ABSENT, Place, copied, differs, places, put, take, was_replaced

__all__ = ["CallGuard"]

WATCHED_CALLS = 3
"""Calls in which a module is watched: what it keeps shows by then."""

CARRIED = (type(None), bool, int, float, complex, str, torch.Tensor)
"""What a state may consist of."""

Found = dict[str, tuple[Place, Any, Any]]
"""What is at each place of a module: the place, what it holds, and a copy of that."""


class CallGuard:
    """Calls a user's module, wherever it keeps its state.

    Arguments:
        name: the node's path.
        module: the module, in the state that a fresh start brings back.
    """

    def __init__(self, name: str, module: torch.nn.Module):
        self.name, self.module = name, module
        self.takes_state = takes_state(module.forward)
        self.returned = False
        """Whether the module returns its state, and takes it as further arguments."""
        self.slots: dict[str, Place] = {}
        """Where the module keeps state, as far as its calls have shown."""
        self.watched = 0
        with torch.no_grad():
            own = {} if self.takes_state else places(module)
            self.fresh = {path: copied(take(place)) for path, place in own.items()}
        self.warned: list[str] = []

    @property
    def has_memory(self) -> bool:
        """Whether the module has a state, as far as its calls have shown."""
        return self.takes_state or self.returned or bool(self.slots)

    def __call__(self, x: Any, state: Any = None, goes_on: bool = False) -> tuple[Any, Any]:
        """One step.

        Arguments:
            x: the module's input.
            state: what the previous step returned, or None.
            goes_on: without a state, whether the module goes on from what it holds and keeps
                the new state. Otherwise it starts afresh, and is left as it was found.

        Returns: the output and the new state, which is None for a module without memory.

        **Raises**: `InputError` for a state or a result of another form.
        """
        watching = self.watched < WATCHED_CALLS and not torch.compiler.is_compiling()
        self.watched += watching
        if self.takes_state:
            return self._explicit(x, state, watching)
        goes_on = goes_on and state is None
        held = {path: (place, take(place), None) for path, place in self.slots.items()}
        if not goes_on and not self.returned:
            self._restore(state)
        before = _found(self.module) if watching else {}
        try:
            return self._hidden(x, state, before, goes_on)
        finally:
            if not goes_on:
                _put_back({**before, **held}, self.slots)

    def _explicit(self, x: Any, state: Any, watching: bool) -> Any:
        # A bridge's neuron passes its state; what else its library notes down does not count.
        watching = watching and not isinstance(self.module, BridgedNeuron)
        before = _found(self.module) if watching else {}
        result = self.module(x, state)
        changed = [path for path, (place, _, copy) in before.items() if differs(copy, take(place))]
        self._warn(
            changed,
            "changes in a call, beside the argument `state`; nirx does not carry or reset it",
        )
        return result

    def _hidden(self, x: Any, state: Any, before: Found, goes_on: bool) -> tuple[Any, Any]:
        given = state if self.returned and state is not None else ()
        result = self.module(x, *given)
        if before:
            self._discover(before)
        kept = {path: take(place) for path, place in self.slots.items()}
        kept = {path: value for path, value in kept.items() if value is not ABSENT}
        y, *rest = result if isinstance(result, tuple) and result else (result,)
        if kept:
            known = {id(leaf) for leaf in tree_leaves(kept)}
            others = [leaf for leaf in tree_leaves(rest) if id(leaf) not in known]
            if any(isinstance(leaf, torch.Tensor) for leaf in others):
                self._warn(["its result"], "has more than the output and its state; left out")
            return y, copied(kept) if goes_on else kept
        if rest:
            return y, self._further(result)
        return y, None

    def _further(self, result: tuple[Any, ...]) -> tuple[Any, ...]:
        """The part of a result that the next call takes as further arguments."""
        count = _further_arguments(self.module.forward)
        if not 0 <= len(result) - count <= 1:
            raise InputError(
                f"{self.name!r}: the module of node_map returned a tuple of {len(result)} but "
                f"takes {count} further arguments; expected an array, or (y, state) from a "
                "module with an argument `state`"
            )
        self.returned = True
        return result[len(result) - count :]

    # -- what the module keeps --------------------------------------------------------

    def _discover(self, before: Found) -> None:
        for path, place in places(self.module).items():
            new = take(place)
            _, old, copy = before.get(path, (place, ABSENT, ABSENT))
            if path in self.slots or not (was_replaced(old, new) or differs(copy, new)):
                continue
            if all(isinstance(leaf, CARRIED) for leaf in tree_leaves(new)):
                self.slots[path] = place
            else:
                self._warn([path], "changes in a call; nirx cannot carry or reset it")

    def _restore(self, state: Any) -> None:
        if state is not None:
            self._accept(state)
        for path, place in self.slots.items():
            if state is not None and path in state:
                put(place, copied(state[path]))
            else:
                put(place, _like(copied(self.fresh.get(path, ABSENT)), take(place)))

    def _accept(self, state: Any) -> None:
        """Learn from a state where the module keeps it. **Raises** `InputError`."""
        if not isinstance(state, Mapping):
            raise InputError(
                f"state of {self.name!r} is a {type(state).__name__}; expected what the previous "
                "step returned, or None"
            )
        for path in state:
            if path not in self.slots:
                part, _, name = str(path).rpartition(".")
                owner = dict(self.module.named_modules()).get(part)
                if owner is None:
                    raise InputError(f"state of {self.name!r} has {path!r}; its module does not")
                self.slots[path] = owner, name

    def _warn(self, paths: list[str], what: str) -> None:
        paths = [path for path in paths if path not in self.warned]
        if paths:
            self.warned += paths
            kind, names = type(self.module).__name__, ", ".join(map(repr, paths[:3]))
            warn_caller(f"{self.name!r}: {names} of its module ({kind}) {what}")


def _found(module: torch.nn.Module) -> Found:
    found = {}
    for path, place in places(module).items():
        value = take(place)
        with torch.no_grad():
            found[path] = place, value, copied(value)
    return found


def _put_back(found: Found, slots: Mapping[str, Place]) -> None:
    for path, place in slots.items():
        _, value, copy = found.get(path, (place, ABSENT, ABSENT))
        # A value that the call wrote into is put back as it was; `copy` is None for a value
        # that the call did not get to see.
        intact = copy is None or not differs(copy, value)
        put(place, value if intact else copy)


def _like(fresh: Any, now: Any) -> Any:
    """A fresh tensor on the device and in the dtype that the module has been moved to."""
    tensors = isinstance(fresh, torch.Tensor) and isinstance(now, torch.Tensor)
    if not tensors:
        return fresh
    cast = fresh.is_floating_point() and now.is_floating_point()
    return fresh.to(device=now.device, dtype=now.dtype if cast else None)


def _further_arguments(forward: Callable[..., Any]) -> int:
    """How many arguments after the input a call may leave out."""
    known = inspect.signature(forward).parameters.values()
    return sum(p.default is None and p.kind is p.POSITIONAL_OR_KEYWORD for p in known)
