"""Arrays of other libraries as NumPy arrays, without importing those libraries."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["to_numpy"]


def to_numpy(value: Any) -> np.ndarray:
    """A copy of a tensor, JAX array or anything else that NumPy understands.

    A torch tensor may be on a device or carry gradients; bfloat16, which NumPy lacks, becomes
    float32.
    """
    if hasattr(value, "detach"):  # a torch tensor
        value = value.detach().cpu()
        return (value.float() if "bfloat16" in str(value.dtype) else value).numpy().copy()
    array = np.array(value)
    return array.astype(np.float32) if str(array.dtype) == "bfloat16" else array
