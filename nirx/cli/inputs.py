"""What goes into a run: arrays from a file, or random spike trains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from nirx.archive import load_arrays, member_name
from nirx.cli.messages import warn
from nirx.errors import InputError, did_you_mean
from nirx.ops import Shape
from nirx.random_spikes import random_spikes
from nirx.schedule import Schedule
from nirx.state import batch_of

__all__ = ["Batch", "Inputs", "InputFile", "Rate", "Seed", "Steps", "as_dtype", "make_inputs"]

_PANEL = "Input (one of --input and --random)"
InputFile = Annotated[
    Path | None,
    typer.Option(
        "--input",
        metavar="X.npz",
        help="Arrays, time first, then batch, then features, named as the graph's Inputs; "
        "an .npy file, or a single array of any name, where there is one Input.",
        rich_help_panel=_PANEL,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--random",
        metavar="SEED",
        min=0,
        help="Random spike trains (Bernoulli) instead of a file.",
        rich_help_panel=_PANEL,
    ),
]
Steps = Annotated[
    int | None,
    typer.Option("--steps", min=0, help="With --random, default 100.", rich_help_panel=_PANEL),
]
Batch = Annotated[
    int | None,
    typer.Option("--batch", min=1, help="With --random, default 1.", rich_help_panel=_PANEL),
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--rate",
        help="With --random: probability of a spike per step, default 0.3.",
        rich_help_panel=_PANEL,
    ),
]


@dataclass(frozen=True)
class Inputs:
    """One array [time, *batch, *features] per Input, in the run's dtype."""

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
                raise InputError(f"{option} goes with --random; --input brings its own shape")
        assert file is not None, "one of the two is given"
        return _of_file(schedule, dtype, file)
    steps = 100 if steps is None else steps
    batch = 1 if batch is None else batch
    rate = 0.3 if rate is None else rate
    if not 0 <= rate <= 1:
        raise InputError(f"--rate {rate}; expected a probability between 0 and 1")
    arrays = random_spikes(schedule, steps, (batch,), rate, seed, dtype)
    return Inputs(arrays, steps, (batch,))


def as_dtype(array: np.ndarray, dtype: str, where: str) -> np.ndarray:
    """Numbers in the run's dtype. **Raises** `InputError` for what are no real numbers."""
    if array.dtype.kind not in "biuf":
        raise InputError(f"{where} has dtype {array.dtype}; expected real numbers")
    with np.errstate(over="ignore", invalid="ignore"):  # beyond float32 is infinity, as it says
        return array.astype(dtype)


def _of_file(schedule: Schedule, dtype: str, path: Path) -> Inputs:
    found = load_arrays(path)
    names = [name for name, _ in schedule.inputs]
    arrays = {}
    lead, first = None, ""
    for (name, position), given in zip(schedule.inputs, _by_input(path, found, names), strict=True):
        where = f"{path}: Input {name!r}"
        array = as_dtype(given, dtype, where)
        features = schedule.nodes[position].input_shape
        own = batch_of(where, array.shape, features)
        if not own:
            wanted = ", ".join(["time", "*batch", *map(str, features)])
            raise InputError(f"{where} has shape {array.shape}; expected [{wanted}], time first")
        if lead is not None and own != lead:
            raise InputError(
                f"{where} has time and batch {own}, but Input {first!r} has {lead}; "
                "expected the same for all"
            )
        lead, first = own, first or name
        arrays[name] = array
    assert lead is not None, "check lets no graph without Inputs pass"
    return Inputs(arrays, lead[0], lead[1:])


def _by_input(
    path: Path, found: np.ndarray | dict[str, np.ndarray], names: list[str]
) -> list[np.ndarray]:
    if isinstance(found, np.ndarray):
        if len(names) > 1:
            raise InputError(
                f"{path}: one array without a name, but the graph has the Inputs "
                f"{_listed(names)}; expected an .npz with one array each"
            )
        return [found]
    if len(names) == 1 and len(found) == 1:
        return list(found.values())
    members = {name: member_name(name) for name in names}
    missing = [name for name in names if members[name] not in found]
    if missing:
        near = did_you_mean(missing[0], found)
        hint = f" {near}" if near.startswith("did") else ""
        raise InputError(
            f"{path}: no array for Input {_listed(missing)}; "
            f"it holds {_listed(list(found)) or 'nothing'};{hint} expected {_listed(names)}"
        )
    extra = sorted(set(found) - set(members.values()))
    if extra:
        warn(f"{path}: {_listed(extra)} belongs to no Input and is ignored")
    return [found[members[name]] for name in names]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(map(repr, names[:8])) + more
