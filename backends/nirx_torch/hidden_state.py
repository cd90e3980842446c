"""Modules that keep state in themselves: a step would depend on calls that nobody sees."""

from __future__ import annotations

from typing import Any

import torch

from nirx.errors import UnsupportedError

__all__ = ["CallGuard"]

LOOKS = 3
"""Calls that are watched. State shows in the second at the latest; a cache fills in the first."""


class CallGuard:
    """Calls a user's module, and watches its first calls for hidden state.

    Arguments:
        name: the node's path.
        module: the module.
    """

    def __init__(self, name: str, module: torch.nn.Module):
        self.name, self.module = name, module
        self.looks = 0

    def __call__(self, *arguments: Any) -> Any:
        if self.looks >= LOOKS or torch.compiler.is_compiling():
            return self.module(*arguments)
        self.looks += 1
        before = _tensors(self.module)
        result = self.module(*arguments)
        changed = [key for key, new in _held(self.module) if _differs(before.get(key), new)]
        if changed:
            self.looks = 0
            kind = type(self.module).__name__
            raise UnsupportedError(
                f"{self.name!r}: its module ({kind}) keeps state in itself: a call changed "
                f"{', '.join(repr('.'.join(key)) for key in changed[:3])}; take it as argument "
                "`state` and return (y, state), or call eval() if that stops it"
            )
        return result


def _held(module: torch.nn.Module) -> list[tuple[tuple[str, ...], torch.Tensor]]:
    """Tensors that are no parameters: buffers and plain attributes, by path."""
    found = []
    for path, part in module.named_modules():
        prefix = tuple(path.split(".")) if path else ()
        plain = {k: v for k, v in vars(part).items() if isinstance(v, torch.Tensor)}
        for name, value in {**plain, **part._buffers}.items():
            if value is not None:
                found.append(((*prefix, name), value))
    return found


def _tensors(module: torch.nn.Module) -> dict[tuple[str, ...], tuple[Any, int, torch.Tensor]]:
    return {key: (t, t._version, t.detach().clone()) for key, t in _held(module)}


def _differs(before: tuple[Any, int, torch.Tensor] | None, new: torch.Tensor) -> bool:
    if before is None:
        return False  # filled in just now: a cache, unless the next call changes it
    old, version, values = before
    if new.shape != values.shape or new.dtype != values.dtype:
        return True
    if new.device.type == "meta":
        return new is old and new._version != version
    try:  # not by version: torch's own batch norm writes without counting
        return not torch.equal(new.detach(), values)  # the same value anew is no state
    except RuntimeError:  # inside vmap nobody may look at values
        return False
