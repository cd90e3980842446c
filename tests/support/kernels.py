"""One network without and with fused kernels."""

from __future__ import annotations

from typing import Any

import nirx

__all__ = ["pair"]


def pair(
    graph: Any,
    dtype: str = "float32",
    backend: str = "numpy",
    reproducible: bool = False,
    options: Any = None,
    dt: float = 1e-2,
    **choices: Any,
) -> tuple[Any, Any]:
    """The networks of `execution="plain"` and `"fused"`.

    Arguments:
        options: of `from_nir`.
        choices: of the Discretization.
    """
    rule = nirx.Discretization(dt=dt, **choices)
    plain, fused = (
        nirx.from_nir(
            graph, backend, rule, dtype, reproducible, execution=execution, **(options or {})
        )
        for execution in ("plain", "fused")
    )
    return plain, fused
