"""A model begins anew: what an earlier run left in its attributes is noticed, and named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from nirx.errors import InputError, NirxError

__all__ = ["kept", "own_errors", "require_fresh", "tensors_in"]

INTERNAL = frozenset(vars(torch.nn.Module()))
"""What every module has: its parameters, buffers, hooks, ..."""

Place = tuple[str, str]
"""A module's path, and an attribute of it."""


def kept(model: torch.nn.Module, neurons: tuple[type, ...]) -> dict[Place, list[torch.Tensor]]:
    """Attributes that may hold state: tensors, and nests of them, that are no parameters.

    Arguments:
        neurons: types of modules that the library itself begins anew.
    """
    found = {}
    for path, part in model.named_modules():
        if isinstance(part, neurons):
            continue
        for name, value in (*vars(part).items(), *part._buffers.items()):
            if name not in INTERNAL and tensors_in(value):
                found[path, name] = [t.clone() for t in tensors_in(value)]
    return found


def require_fresh(model: torch.nn.Module, before: Mapping[Place, list[torch.Tensor]]) -> None:
    """What the first step wrote anew must not have held anything."""
    for (path, name), held in before.items():
        part = model.get_submodule(path)
        now = tensors_in(vars(part).get(name, part._buffers.get(name)))
        same = len(now) == len(held) and all(map(_equal, now, held))
        if not same and _holds(held):
            raise InputError(
                f"{_name((path, name))} holds state of an earlier run, from which the model would "
                "go on; set it back to what it is in a fresh model"
            )


@contextmanager
def own_errors(
    model: torch.nn.Module, needed: list[str], before: Mapping[Place, list[torch.Tensor]]
) -> Iterator[None]:
    """What the model itself raises, as an error that says whose it is.

    Arguments:
        needed: arguments of forward that are None in the first step.
        before: what `kept` gave.
    """
    try:
        yield
    except NirxError:
        raise
    except Exception as error:
        kind = type(model).__name__
        hints = []
        if needed:
            hints = [
                f"{', '.join(needed)} is None in the first step: forward has to begin anew there"
            ]
        held = [_name(place) for place, own in before.items() if _holds(own)]
        hints += [f"{', '.join(held)} may hold state of an earlier run"] if held else []
        hints = hints or ["the input may have another shape than it takes"]
        raise InputError(
            f"{kind} itself raised {type(error).__name__}: {error}; {'; '.join(hints)}"
        ) from error


def tensors_in(value: Any) -> list[torch.Tensor]:
    """The tensors in tuples, lists and dicts, to any depth."""
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def _equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and torch.equal(a, b)


def _holds(tensors: list[torch.Tensor]) -> bool:
    return any(t.ndim and bool(t.any()) for t in tensors)


def _name(place: Place) -> str:
    return ".".join(part for part in ("self", *place) if part)
