"""torch itself as a library to move from and to: nirx's own networks and plain modules."""

from __future__ import annotations

import copy
from functools import partial

import numpy as np
import torch

from nirx.basics.foreign_arrays import to_numpy
from nirx.basics.type_map import TypeMap
from nirx.bridging.bridge import Bridge
from nirx_torch.bridges.exporting import export_with
from nirx_torch.bridges.running import run_steps
from nirx_torch.module_map import MODULE_MAP
from nirx_torch.net import Net

__all__ = ["BRIDGE"]


def _run(model: torch.nn.Module, xs: np.ndarray, dtype: str) -> dict[str, np.ndarray]:
    if not isinstance(model, Net):
        return run_steps(model, xs, dtype)
    kind = getattr(torch, dtype)
    names = [place.name for place in model.schedule.nodes if place.type_name != "Input"]
    with torch.no_grad():
        own = copy.deepcopy(model).to(kind)
        _, _, recordings = own.run(torch.from_numpy(np.array(xs, dtype)), record=names)
    return {name: to_numpy(value) for name, value in recordings.items()}


BRIDGE = Bridge(
    name="torch",
    library="torch",
    backend="torch",
    node_map=TypeMap(),
    module_map=MODULE_MAP,
    export=partial(export_with, MODULE_MAP),
    run=_run,
)
