"""A model begins anew: what an earlier run left in its attributes is noticed, and named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from nirx.errors import InputError, NirxError

__all__ = ["kept", "own_errors", "require_fresh"]

Place = tuple[str, str]
"""A module's path, and an attribute of it."""


def kept(model: torch.nn.Module, neurons: tuple[type, ...]) -> dict[Place, Any]:
    """Attributes that may hold state: tensors, and tuples of them, that are no parameters.

    Arguments:
        neurons: types of modules that the library itself begins anew.
    """
    found = {}
    for path, part in model.named_modules():
        if isinstance(part, neurons):
            continue
        for name, value in (*vars(part).items(), *part._buffers.items()):
            if isinstance(value, torch.Tensor) or (isinstance(value, tuple) and value):
                found[path, name] = value
    return found


def require_fresh(model: torch.nn.Module, before: Mapping[Place, Any]) -> None:
    """What the first step wrote anew must not have held anything."""
    for (path, name), value in before.items():
        part = model.get_submodule(path)
        now = vars(part).get(name, part._buffers.get(name))
        if now is not value and _holds(value):
            raise InputError(
                f"{_name((path, name))} holds state of an earlier run, from which the model would "
                "go on; set it back to what it is in a fresh model"
            )


@contextmanager
def own_errors(
    model: torch.nn.Module, needed: list[str], before: Mapping[Place, Any]
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
        held = [_name(place) for place, value in before.items() if _holds(value)]
        hints += [f"{', '.join(held)} may hold state of an earlier run"] if held else []
        hints = hints or ["the input may have another shape than it takes"]
        raise InputError(
            f"{kind} itself raised {type(error).__name__}: {error}; {'; '.join(hints)}"
        ) from error


def _holds(value: Any) -> bool:
    parts = value if isinstance(value, tuple) else (value,)
    return any(isinstance(p, torch.Tensor) and p.ndim and bool(p.any()) for p in parts)


def _name(place: Place) -> str:
    return ".".join(part for part in ("self", *place) if part)
