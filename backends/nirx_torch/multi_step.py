"""Modules of the libraries that take all time steps in one call."""

from __future__ import annotations

from typing import Any

__all__ = ["time_axis"]

TIME_FIRST = ("norse.torch.module.snn.SNN", "norse.torch.module.snn.SNNRecurrent")
BATCH_FIRST = (
    "sinabs.layers.stateful_layer.StatefulLayer",
    "rockpool.nn.modules.torch.torch_module.TorchModule",
)


def time_axis(module: Any) -> int | None:
    """The axis of its input over which a module loops itself; None if it takes one step.

    SpikingJelly's modules say so in `step_mode`; Norse's without "Cell" in their name take
    [time, batch, ...], the layers of sinabs and Rockpool [batch, time, ...].
    """
    mode = getattr(module, "step_mode", None)
    if mode in ("s", "m"):
        return 0 if mode == "m" else None
    names = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(module).__mro__]
    if any(name in TIME_FIRST for name in names):
        return 0
    return 1 if any(name in BATCH_FIRST for name in names) else None
