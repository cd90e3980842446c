"""Writers of recordings in the formats that `nirx.verify` reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np

from support.bench import D

__all__ = ["by_sample", "events", "gridded", "write_csv", "write_datasets", "write_nirdata"]


def write_csv(path: Path, recorded: Mapping[str, np.ndarray]) -> None:
    """`[time, batch, neurons]` by key: one row per spike, and per value of a state."""
    rows = ["step,node,index,value,sample"]
    for key, array in recorded.items():
        for (step, sample, neuron), value in np.ndenumerate(array):
            if "." in key:
                rows.append(f"{step},{key},{neuron},{value},{sample}")
            elif value:
                rows.append(f"{step},{key},{neuron},,{sample}")
    path.write_text("\n".join(rows) + "\n")


def write_datasets(path: Path, recorded: Mapping[str, np.ndarray]) -> None:
    """Plain HDF5."""
    with h5py.File(path, "w") as file:
        for key, value in recorded.items():
            file.create_dataset(key, data=value, compression="gzip")


def write_nirdata(path: Path, **nodes: Mapping[str, Any]) -> None:
    """Observables by name, by node."""
    data = nir.NIRGraphData({name: nir.NIRNodeData(dict(own)) for name, own in nodes.items()})
    nir.write_data(path, data)


def by_sample(array: np.ndarray) -> np.ndarray:
    """`[time, batch, neurons]` as (samples, time, neurons)."""
    return array.swapaxes(0, 1)


def gridded(array: np.ndarray, dt: float = D.dt) -> nir.TimeGriddedData:
    """`[time, batch, neurons]` as NIRData over time."""
    return nir.TimeGriddedData(by_sample(array), dt)


def events(array: np.ndarray, shift: float = 0.5) -> nir.EventData:
    """The same as events, `shift` of a step after its beginning."""
    return gridded(array > 0).to_event(int(array.sum()) or 1, time_shift=shift * D.dt)
