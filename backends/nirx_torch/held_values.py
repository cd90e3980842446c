"""Buffers and attributes of a module: what a call may read and leave behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map

__all__ = [
    "ABSENT",
    "INTERNAL",
    "Place",
    "copied",
    "differs",
    "has_own_forward",
    "held_marks",
    "held_values",
    "places",
    "put",
    "put_back_after",
    "remember_attributes",
    "same_numbers",
    "take",
    "was_replaced",
]

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
    for path, part in named(module):
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


ABSENT = object()
"""Stands for an attribute that a module does not have (yet)."""

Place = tuple[torch.nn.Module, str]
"""A module, and the name of its buffer or attribute."""


def places(module: torch.nn.Module) -> dict[str, Place]:
    """Where a module and those in it may keep state, by dotted path.

    torch's own modules are left out: what a call leaves in them (the statistics of a batch
    norm, the vectors of a spectral norm) belongs to training, not to a time step.
    """
    found: dict[str, Place] = {}
    for path, part in named(module):
        if not _of_torch(part):
            for name in [*vars(part), *part._buffers]:
                if name not in INTERNAL:
                    found[f"{path}.{name}" if path else name] = part, name
    return found


def take(place: Place) -> Any:
    """What is at a place, or `ABSENT`."""
    part, name = place
    return part._buffers[name] if name in part._buffers else vars(part).get(name, ABSENT)


def put(place: Place, value: Any) -> None:
    """Leave a value at a place."""
    part, name = place
    if name in part._buffers:
        part._buffers[name] = None if value is ABSENT else value
    elif value is ABSENT:
        vars(part).pop(name, None)
    else:
        vars(part)[name] = value


def copied(value: Any) -> Any:
    """A copy of a value with its tensors cloned; gradients flow through. Other objects stay."""
    return tree_map(lambda leaf: leaf.clone() if isinstance(leaf, torch.Tensor) else leaf, value)


def remember_attributes(module: torch.nn.Module) -> Callable[[], None]:
    """A function that leaves in a module, and those in it, the attributes and buffers of now."""
    kept = [(m, dict(vars(m)), dict(m._buffers)) for _, m in named(module)]

    def put_back() -> None:
        for m, attributes, buffers in kept:
            vars(m).clear()
            vars(m).update(attributes)
            m._buffers.clear()
            m._buffers.update(buffers)

    return put_back


@contextmanager
def put_back_after(module: torch.nn.Module) -> Iterator[None]:
    """Afterwards leave in a module, and those in it, what they held before."""
    put_attributes_back = remember_attributes(module)
    before = held_values(module)
    with torch.no_grad():
        copies = {path: copied(value) for path, value in before.items()}
    try:
        yield
    finally:
        put_attributes_back()
        for path, value in before.items():
            if differs(copies[path], value):  # written in place
                part, _, name = path.rpartition(".")
                put((dict(named(module))[part], name), copies[path])


def named(module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    """`named_modules`, which libraries override."""
    return torch.nn.Module.named_modules(module)


def was_replaced(old: Any, new: Any) -> bool:
    """Whether another value is in the place of an old one: state that is computed anew."""
    if isinstance(old, bool | int | float | complex | str) and type(old) is type(new):
        return old != new
    return new is not old


def differs(copy: Any, new: Any) -> bool:
    """Whether a call changed a value.

    Arguments:
        copy: of the value, made before the call.
        new: the value now.
    """
    before, after = tree_leaves(copy), tree_leaves(new)
    if len(before) != len(after):
        return True
    return any(_leaf_differs(a, b) for a, b in zip(before, after, strict=True))


def _leaf_differs(before: Any, now: Any) -> bool:
    if not (isinstance(before, torch.Tensor) and isinstance(now, torch.Tensor)):
        plain = isinstance(before, bool | int | float | complex | str)
        return before is not now and not (plain and type(before) is type(now) and before == now)
    if before.shape != now.shape or before.dtype != now.dtype:
        return True
    try:  # not by version: torch's batch norm writes without counting
        return not same_numbers(before, now)
    except RuntimeError:  # inside vmap values cannot be looked at
        return False


def _of_torch(module: torch.nn.Module) -> bool:
    kind = type(module).__module__
    return kind.split(".")[0] == "torch" or isinstance(module, torch.nn.modules.batchnorm._NormBase)


def has_own_forward(module: torch.nn.Module) -> bool:
    """Whether forward is replaced in the module itself, so that its class does not tell."""
    return "forward" in vars(module)
