"""States into torch: a run can start on another backend and continue here."""

from __future__ import annotations

from typing import Any

import torch

from nirx.graphs.detach import register_detach
from nirx.graphs.state import map_tree, state_to_numpy

__all__ = ["state_from_numpy"]

register_detach(torch.Tensor, torch.Tensor.detach)


def state_from_numpy(tree: Any, device: Any = None) -> Any:
    """A copy of a state (or any tree of arrays) as tensors.

    Arguments:
        tree: from `nirx.state_to_numpy`, or a tree of any backend.
        device: where the tensors live.

    Returns: the same tree; leaves keep their shapes [*batch, *features] and dtypes.
    """
    return map_tree(lambda leaf: torch.from_numpy(leaf).to(device), state_to_numpy(tree))
