"""Arrays of any library as NumPy arrays, without importing the library."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["to_numpy"]


def to_numpy(value: Any) -> np.ndarray:
    """A NumPy copy of an array, which may be on a device or carry gradients.

    bfloat16, which NumPy lacks, becomes float32.
    """
    if hasattr(value, "detach"):  # a tensor that NumPy cannot read as it is
        value = value.detach().cpu()
        return (value.float() if "bfloat16" in str(value.dtype) else value).numpy().copy()
    array = np.array(value)
    return array.astype(np.float32) if str(array.dtype) == "bfloat16" else array
