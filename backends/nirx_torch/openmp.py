"""Kernels on torch's own threads.

torch's threads wait actively for a while after each operation. Other threads would then compete
with them for the processors; these are there already.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

__all__ = ["find_team"]

Slices = Sequence[tuple[int, int]]

_BODY = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def find_team() -> Callable[[Callable[[int, int], None], Slices], None] | None:
    """What runs a call for each of some slices, on the OpenMP threads that torch uses.

    GNU's entry point is looked up through torch's library, so that it is that of the OpenMP which
    torch was linked with; LLVM's has it too. None where there is none.
    """
    for name in ("libtorch_cpu.so", "libtorch_cpu.dylib"):
        try:
            library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / name))
            parallel = library.GOMP_parallel
        except (OSError, AttributeError):
            continue
        parallel.argtypes = [_BODY, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        parallel.restype = None
        return lambda call, slices: _run(parallel, call, slices)
    return None


def _run(parallel: Callable[..., None], call: Callable[[int, int], None], slices: Slices) -> None:
    remaining, done = iter(slices), []  # one iterator: a team may have fewer threads than asked for
    failures: list[BaseException] = []

    def body(_: object) -> None:
        try:
            for own in remaining:
                call(*own)
                done.append(own)
        except BaseException as error:  # ctypes would print it, and go on
            failures.append(error)

    parallel(_BODY(body), None, len(slices), 0)
    if failures:
        raise failures[0]
    if len(done) < len(slices):  # an interrupt came while another one was noted
        raise KeyboardInterrupt
