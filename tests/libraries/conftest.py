"""The libraries are imported once, here, where what they warn of on import is their own affair."""

from __future__ import annotations

import contextlib
import importlib
import warnings

BRIDGES = (
    "nirx_torch.bridges.norse",
    "nirx_torch.bridges.snntorch",
    "nirx_torch.bridges.sinabs",
    "nirx_torch.bridges.spikingjelly",
    "nirx_torch.bridges.rockpool",
    "nirx_jax.bridges.spyx",
    "nirx_jax.bridges.rockpool",
    "nirx_jax.bridges.slax",
    "nirx_jax.bridges.brainpy",
)

for _name in BRIDGES:
    with warnings.catch_warnings(), contextlib.suppress(ImportError):
        warnings.simplefilter("ignore")
        importlib.import_module(_name)
