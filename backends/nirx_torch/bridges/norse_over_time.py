"""Norse's modules that run all time steps: the step in them, and how they are run."""

# The library is not in .venv, where types are checked.
# pyright: reportMissingImports=false, reportArgumentType=false

from __future__ import annotations

from typing import Any

import norse.torch as norse
import numpy as np
import torch
from norse.torch.module import snn

from nirx_torch.bridges.running import run_steps, run_whole

__all__ = ["OVER_TIME", "run"]


def _step_of(module: Any) -> torch.nn.Module:
    """One time step of a neuron that NIR does not have, so that it can be traced."""
    kind = type(type(module).__name__, (snn.SNNCell,), {})
    return kind(module.activation, module.state_fallback, module.p, module.dt)


TRACED = (norse.LIFAdEx, norse.LIFEx, norse.LSNN, norse.Izhikevich)

OVER_TIME: dict[type, Any] = {
    norse.Lift: lambda lift: lift.lifted_module,
    **dict.fromkeys(TRACED, _step_of),
}
"""Type -> function from a module to the module of one step in it."""


def run(model: torch.nn.Module, xs: np.ndarray, dtype: str) -> dict[str, np.ndarray]:
    """Run a model as Norse does: whole, if a part of it runs over time."""
    over_time = (norse.LIF, norse.LI, norse.IAF, norse.LIFRecurrent, *OVER_TIME)
    whole = any(isinstance(part, over_time) for part in model.modules())
    return (run_whole if whole else run_steps)(model, xs, dtype)
