"""Buffers and attributes of a module, compared before and after a call to find hidden state."""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["INTERNAL", "held_marks", "held_values", "same_numbers"]

INTERNAL = frozenset(vars(torch.nn.Module()))
"""Attributes that every module has: its parameters, buffers, hooks, ..."""


def held_values(module: torch.nn.Module, skip: tuple[type, ...] = ()) -> dict[str, Any]:
    """Attributes and buffers of a module and all modules in it, by dotted path.

    Arguments:
        module: the outermost module.
        skip: types of modules that are left out.

    Returns: {path: value}.
    """
    found = {}
    for path, part in module.named_modules():
        if not isinstance(part, skip):
            for name, value in {**vars(part), **part._buffers}.items():
                if name not in INTERNAL and value is not None:
                    found[f"{path}.{name}" if path else name] = value
    return found


def held_marks(module: torch.nn.Module) -> dict[str, Any]:
    """What shows that something was assigned to a module, or written into what it holds."""
    marks: dict[str, Any] = {}
    for key, value in held_values(module).items():
        if isinstance(value, torch.Tensor):
            marks[key] = id(value), value._version
        elif isinstance(value, dict):
            marks[key] = [(name, id(part)) for name, part in value.items()]
        else:
            marks[key] = id(value)
    return marks


def same_numbers(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two tensors hold the same numbers. NaN equals NaN; on meta only shapes count."""
    if a.shape != b.shape or a.device.type == "meta":
        return a.shape == b.shape
    a, b = a.detach(), b.detach()
    return bool(((a == b) | ((a != a) & (b != b))).all())
