"""Memory-mapped files: what was read of them need not stay in memory."""

from __future__ import annotations

import mmap
from typing import Any

__all__ = ["release"]


def release(array: Any) -> None:
    """Let the system take back the pages of an array, or of a view, that is mapped from a file.

    They count as memory of the process until then. The array stays valid: what is read again
    comes from the file. Nothing happens to any other array.
    """
    mapped = getattr(array, "_mmap", None)  # np.memmap has no public name for it
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
