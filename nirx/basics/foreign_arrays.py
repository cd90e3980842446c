"""Arrays of any library as NumPy arrays, without importing the library."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.basics.printable import brief
from nirx.errors import InputError

__all__ = ["numbers", "to_numpy"]


def to_numpy(value: Any) -> np.ndarray:
    """A NumPy copy of an array, which may be on a device or carry gradients.

    bfloat16, which NumPy lacks, becomes float32. What is spread over the processes of FSDP is
    gathered, so all of them have to call this.

    **Raises**: `InputError` for an array of which other processes have parts that this one lacks.
    """
    if hasattr(value, "full_tensor"):
        value = value.full_tensor()
    if not (getattr(value, "is_fully_addressable", True) or value.is_fully_replicated):
        raise InputError(
            f"an array of shape {tuple(value.shape)} is spread over several processes; gather it "
            "first, see docs/many-devices.md"
        )
    if hasattr(value, "detach"):  # a tensor that NumPy cannot read as it is
        value = value.detach().cpu()
        return (value.float() if "bfloat16" in str(value.dtype) else value).numpy().copy()
    array = np.array(value)
    return array.astype(np.float32) if str(array.dtype) == "bfloat16" else array


def numbers(value: Any, what: str) -> np.ndarray:
    """An array of any library, or what NumPy makes one of.

    Arguments:
        what: it is, for the message.

    **Raises**: `InputError` for what holds no numbers.
    """
    array = to_numpy(value) if hasattr(value, "dtype") else np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise InputError(f"{what}: {brief(value)}; expected an array of numbers")
    return array
