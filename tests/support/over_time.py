"""Models of libraries that run all time steps in one forward."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import nirx
import nirx_torch

__all__ = ["BATCH", "STEPS", "assert_same_spikes", "pulses"]

STEPS, BATCH = 100, 3


def assert_same_spikes(model: Any, maps: Any, xs: torch.Tensor, expected: Any = None) -> Any:
    """The model's outputs over time [time, ...] are those of its graph."""
    graph = nirx_torch.torch_to_nir(model, maps, input_shape=tuple(xs.shape[2:]))
    if expected is None:
        with torch.no_grad():
            expected = model(xs)
    found, _ = nirx.from_nir(graph, backend="numpy").run(xs.numpy())
    found = found[0] if isinstance(found, tuple) else found  # (spikes, membrane)
    expected = expected.numpy()
    assert 0.02 < expected.mean() < 0.9
    assert int((np.asarray(found) != expected).sum()) == 0
    return graph


def pulses(*shape: int) -> torch.Tensor:
    """Random input [time, batch, *shape]."""
    generator = torch.Generator().manual_seed(3)
    return 2 * torch.rand((STEPS, BATCH, *shape), generator=generator)
