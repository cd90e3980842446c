"""`run_kernel`: compile a kernel's text for some arrays, and run it on several threads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nirx.execution.kernels.compiled import array_type, compile_kernel
from nirx.execution.kernels.threads import split

__all__ = ["run_kernel"]


def run_kernel(
    source: str,
    arrays: Sequence[np.ndarray],
    length: int,
    work: int,
    numbers: Sequence[int] = (),
    kind: str = "uint64",
) -> None:
    """Run a kernel over slices of range(length).

    Arguments:
        source: of `kernel(*arrays, *numbers, first, last)`; see `compile_kernel`.
        arrays: contiguous and writable.
        work: element updates in all, as for `split`.
        kind: the type of the numbers, and of first and last.
    """
    kernel = compile_kernel(source, (*map(array_type, arrays), *[kind] * (len(numbers) + 2)))
    split(lambda a, b: kernel(*arrays, *numbers, a, b), length, work)
