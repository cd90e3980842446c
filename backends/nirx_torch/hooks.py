"""Hooks of modules, which no trace of their code shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from nirx.basics.name_list import name_list
from nirx.errors import warn_caller

__all__ = ["warn_of_hooks"]

OWN = ("torch", "nirx_torch")
"""Packages whose hooks make parameters (weight norm, pruning) and leave inputs and outputs."""


def warn_of_hooks(model: torch.nn.Module) -> None:
    """Warn of hooks around forward that may change what a module takes or gives."""
    named = [name or "the model" for name, m in model.named_modules() if any(_foreign(m))]
    if named:
        warn_caller(
            f"{name_list(named)}: hooks around forward are not exported; what they change in "
            "inputs or outputs is not in the graph. Write it into forward, or remove the hooks"
        )


def _foreign(module: torch.nn.Module) -> Iterator[Any]:
    for hook in (*module._forward_pre_hooks.values(), *module._forward_hooks.values()):
        place = getattr(hook, "__module__", None) or type(hook).__module__
        if place.partition(".")[0] not in OWN:
            yield hook
