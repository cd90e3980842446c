"""States into torch: a run may start on another backend and go on here."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from nirx.state import map_tree

__all__ = ["state_from_numpy"]


def state_from_numpy(tree: Any, device: Any = None) -> Any:
    """A copy of a state (or any tree) with tensors in the place of NumPy arrays."""
    return map_tree(lambda leaf: torch.from_numpy(np.array(leaf)).to(device), tree)
