"""A loss on what a run recorded, and its gradients, on either backend: NumPy in, NumPy out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np

import nirx
import nirx_torch
from support.running import precision

__all__ = ["TRAINED", "gradients"]

TRAINED = ("torch", "jax")
"""Backends with gradients."""


def gradients(
    backend: str,
    graph: Any,
    rule: Any,
    xs: Any,
    loss: Callable[[Any, Any], Any],
    record: Any = (),
    options: Any = None,
    **run: Any,
) -> tuple[Any, dict[str, Any]]:
    """What `net.run` returned in float64, and the gradients of a loss.

    Arguments:
        loss: of the outputs and the recordings.
        options: of `from_nir`.
        run: further arguments of `net.run`.

    Returns: (outputs, state, recordings) and {"PATH.PARAMETER": gradient, "xs": gradient}.
    """
    with precision(backend, "float64"):
        net = nirx.from_nir(graph, backend, rule, "float64", **(options or {}))
        xs, own = np.asarray(xs, np.float64), list(record)
        found = (
            _torch(net, xs, loss, own, run) if backend == "torch" else _jax(net, xs, loss, own, run)
        )
        return nirx.state_to_numpy(found)


def _torch(net: Any, xs: Any, loss: Any, record: Any, run: Any) -> Any:
    xs = nirx_torch.state_from_numpy(xs).requires_grad_()
    ys, state, recorded = net.run(xs, record=record, **run)
    loss(ys, recorded).backward()
    found = {
        f"{path}.{name}": p.grad
        for path, module in net.modules_by_path.items()
        for name, p in module.named_parameters()
    }
    return (ys, state, recorded), {**found, "xs": xs.grad}


def _jax(net: Any, xs: Any, loss: Any, record: Any, run: Any) -> Any:
    arrays, static = eqx.partition(net, eqx.is_inexact_array)

    @jax.jit
    def of(arrays: Any, xs: Any) -> Any:
        ys, state, recorded = eqx.combine(arrays, static).run(xs, record=record, **run)
        # A list, because keys of a pytree are sorted.
        return loss(ys, recorded), (ys, state, [recorded[key] for key in record])

    (_, (ys, state, recorded)), (g, gx) = jax.value_and_grad(of, (0, 1), has_aux=True)(arrays, xs)
    found = {
        f"{path}.{name}": array
        for path, module in g.modules_by_path.items()
        for name, array in module.arrays.items()
    }
    return (ys, state, dict(zip(record, recorded, strict=True))), {**found, "xs": gx}
