"""The machine and the versions that a measurement is worth nothing without."""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nirx_conformance.suite.page import installed_versions

__all__ = ["PACKAGES", "machine", "same_threads"]

PACKAGES = (
    "nirx",
    "numpy",
    "torch",
    "jax",
    "numba",
    "nirtorch",
    "norse",
    "snntorch",
    "sinabs",
    "spikingjelly",
    "spyx",
)


def machine(device: str) -> dict[str, Any]:
    """Processor, threads, memory, versions, and the GPU where there is one."""
    found: dict[str, Any] = {
        "processor": _processor(),
        "threads": threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": installed_versions(*PACKAGES),
        "device": "cpu",
    }
    if device == "cuda":
        import torch

        found["device"] = torch.cuda.get_device_name()
    return found


def threads() -> int:
    """Processors that this process may use: the threads of every program."""
    own = getattr(os, "sched_getaffinity", None)
    return len(own(0)) if own else os.cpu_count() or 1


@contextmanager
def same_threads() -> Iterator[None]:
    """JAX, numba and NumPy's BLAS use all processors that the process may use; so shall torch."""
    if importlib.util.find_spec("torch") is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads())
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
