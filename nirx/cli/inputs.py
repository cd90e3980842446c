"""The input of a run: arrays from a file, or random spike trains."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from typer import Option

from nirx.dynamics.ops import Shape
from nirx.errors import InputError
from nirx.files.archive_reading import load_arrays
from nirx.graphs.schedule import Schedule
from nirx.inputs.arrays import as_dtype, common_lead, match_members
from nirx.inputs.choose import source_for
from nirx.inputs.random_spikes import random_spikes

__all__ = ["Batch", "Inputs", "InputFile", "Rate", "Seed", "Steps", "make_inputs"]

_option = partial(Option, rich_help_panel="Input (one of --input and --random)")
InputFile = Annotated[
    Path | None,
    _option(
        "--input",
        metavar="X.npz",
        help="One array per Input of the graph, under its name: time first, then batch, then "
        "features. For a single Input also an .npy file, or one array of any name; an .npy file of "
        "events with the fields t, x, y, p counts as one sample.",
    ),
]
Seed = Annotated[
    int | None,
    _option(
        "--random", metavar="SEED", min=0, help="Random spike trains (Bernoulli) instead of a file."
    ),
]
Steps = Annotated[int | None, _option("--steps", min=0, help="Length of --random, default 100.")]
Batch = Annotated[int | None, _option("--batch", min=1, help="Batch size of --random, default 1.")]
Rate = Annotated[
    float | None, _option("--rate", help="Spike probability per step of --random, default 0.3.")
]


@dataclass(frozen=True)
class Inputs:
    """One array [time, *batch, *features] per Input, in the dtype of the run."""

    arrays: dict[str, np.ndarray]
    steps: int
    batch: Shape


def make_inputs(
    schedule: Schedule,
    dtype: str,
    file: Path | None,
    seed: int | None,
    steps: int | None,
    batch: int | None,
    rate: float | None,
) -> Inputs:
    """The arrays that the options ask for.

    **Raises**: `InputError`, `FileError`.
    """
    if (file is None) == (seed is None):
        found = "neither --input nor --random" if file is None else "both --input and --random"
        raise InputError(f"{found} given; expected one of the two")
    if seed is None:
        for option, value in (("--steps", steps), ("--batch", batch), ("--rate", rate)):
            if value is not None:
                raise InputError(f"{option} goes with --random; --input has its own shape")
        assert file is not None, "one of the two is given"
        return _of_file(schedule, dtype, file)
    steps = 100 if steps is None else steps
    batch = 1 if batch is None else batch
    rate = 0.3 if rate is None else rate
    if not 0 <= rate <= 1:
        raise InputError(f"--rate {rate}; expected a probability between 0 and 1")
    arrays = random_spikes(schedule, steps, (batch,), rate, seed, dtype)
    return Inputs(arrays, steps, (batch,))


def _of_file(schedule: Schedule, dtype: str, path: Path) -> Inputs:
    found = load_arrays(path)
    if isinstance(found, np.ndarray) and found.dtype.names:
        events = source_for(schedule, path, dtype)
        return Inputs(dict(events.read(0, events.steps)), events.steps, events.batch)
    whole = isinstance(found, np.ndarray)
    given: Any = {None: found} if whole else found
    features = {name: schedule.nodes[p].input_shape for name, p in schedule.inputs}
    members = match_members(str(path), given, list(features))
    arrays = {}
    for name, member in members.items():
        arrays[name] = as_dtype(given[member], dtype, f"{path}: Input {name!r}")
    lead = common_lead(str(path), {name: a.shape for name, a in arrays.items()}, features)
    return Inputs(arrays, lead[0], lead[1:])
