"""State that an earlier run left in a model's attributes: found, and named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from nirx.errors import InputError, NirxError
from nirx_torch.held_values import held_values, same_numbers

__all__ = ["model_errors", "possible_state", "require_fresh", "tensors_in"]

Held = Mapping[str, list[torch.Tensor]]
"""Tensors by the dotted path of the attribute or buffer that they are in."""


def possible_state(
    model: torch.nn.Module, neurons: tuple[type, ...] = ()
) -> dict[str, list[torch.Tensor]]:
    """Copies of the tensors, also nested ones, that are not parameters.

    Arguments:
        neurons: types of modules that the library itself resets.
    """
    values = {key: tensors_in(value) for key, value in held_values(model, neurons).items()}
    return {key: [t.clone() for t in tensors] for key, tensors in values.items() if tensors}


def require_fresh(model: torch.nn.Module, before: Held) -> None:
    """Refuse a model whose first step replaced a state that was not empty.

    Arguments:
        before: what `possible_state` returned before the first step.

    **Raises**: `InputError` that names the attribute.
    """
    after = held_values(model)
    for path, held in before.items():
        now = tensors_in(after.get(path))
        same = len(now) == len(held) and all(map(same_numbers, now, held))
        if not same and _not_empty(held):
            raise InputError(
                f"self.{path} holds state of an earlier run, from which the model would continue; "
                "set it to what it is in a fresh model"
            )


@contextmanager
def model_errors(model: torch.nn.Module, needed: list[str], before: Held) -> Iterator[None]:
    """Around a call of the model: what it raises becomes an `InputError` with likely causes.

    Arguments:
        needed: arguments of forward that are None in the first step.
        before: what `possible_state` returned before the first step.
    """
    try:
        yield
    except NirxError:
        raise
    except Exception as error:
        causes = []
        if needed:
            causes.append(
                f"{', '.join(needed)} is None in the first step: forward must create its initial "
                "state when given None"
            )
        held = [f"self.{path}" for path, tensors in before.items() if _not_empty(tensors)]
        if held:
            causes.append(f"{', '.join(held)} may hold state of an earlier run")
        causes = causes or ["the input may have another shape than the model expects"]
        raise InputError(
            f"{type(model).__name__} itself raised {type(error).__name__}: {error}; "
            f"{'; '.join(causes)}"
        ) from error


def tensors_in(value: Any) -> list[torch.Tensor]:
    """The tensors in tuples, lists and dicts, to any depth."""
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def _not_empty(tensors: list[torch.Tensor]) -> bool:
    return any(t.ndim and bool(t.any()) for t in tensors)
