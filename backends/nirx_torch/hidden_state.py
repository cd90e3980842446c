"""Modules that keep state in themselves: a step would depend on previous calls."""

from __future__ import annotations

from typing import Any

import torch

from nirx.errors import UnsupportedError
from nirx_torch.held_values import held_values, same_numbers

__all__ = ["CallGuard"]

WATCHED_CALLS = 3
"""Calls that are watched. State shows by the second; a cache is filled in the first."""


class CallGuard:
    """Calls a user's module, and checks its first calls for hidden state.

    Arguments:
        name: the node's path.
        module: the module.
    """

    def __init__(self, name: str, module: torch.nn.Module):
        self.name, self.module = name, module
        self.watched = 0

    def __call__(self, *arguments: Any) -> Any:
        if self.watched >= WATCHED_CALLS or torch.compiler.is_compiling():
            return self.module(*arguments)
        self.watched += 1
        before = {
            key: (t, t._version, t.detach().clone()) for key, t in _tensors(self.module).items()
        }
        result = self.module(*arguments)
        after = _tensors(self.module)
        changed = [key for key, new in after.items() if _differs(before.get(key), new)]
        if changed:
            self.watched = 0
            kind = type(self.module).__name__
            raise UnsupportedError(
                f"{self.name!r}: its module ({kind}) keeps state in itself: a call changed "
                f"{', '.join(map(repr, changed[:3]))}; take it as argument "
                "`state` and return (y, state), or call eval() if that stops it"
            )
        return result


def _tensors(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    values = held_values(module)
    return {key: value for key, value in values.items() if isinstance(value, torch.Tensor)}


def _differs(before: tuple[torch.Tensor, int, torch.Tensor] | None, new: torch.Tensor) -> bool:
    if before is None:
        return False  # just filled in: a cache, unless the next call changes it
    old, version, values = before
    if new.shape != values.shape or new.dtype != values.dtype:
        return True
    if new.device.type == "meta":
        return new is old and new._version != version
    try:  # not by version: torch's batch norm writes without counting
        return not same_numbers(values, new)  # assigning the same value again is not state
    except RuntimeError:  # inside vmap values cannot be looked at
        return False
