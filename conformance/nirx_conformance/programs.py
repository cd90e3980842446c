"""How a process that runs thousands of graphs keeps clear of its limits."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

__all__ = ["release_programs"]

_MAPS = Path("/proc/self/maps")


def release_programs(above: int = 20_000) -> None:
    """Drop the programs that JAX keeps, if this process has more than `above` memory mappings.

    JAX keeps every program it compiled, at some 100 to 200 mappings for a graph. Linux lets a
    process have 65,530 (`vm.max_map_count`); LLVM then crashes the process. Systems without
    /proc have no such limit.
    """
    if "jax" not in sys.modules or not _MAPS.exists():
        return
    with _MAPS.open("rb") as maps:
        found = sum(1 for _ in maps)
    if found > above:
        sys.modules["jax"].clear_caches()
        gc.collect()
