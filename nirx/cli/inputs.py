"""The input of a run: data of any kind, or random spike trains."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from typer import Option

from nirx.errors import InputError
from nirx.graphs.schedule import Schedule
from nirx.inputs.choose import source_for
from nirx.inputs.protocol import Source, wanted_of
from nirx.inputs.random_spikes import RandomSource

__all__ = ["Batch", "DataSeed", "InputData", "Rate", "Seed", "Steps", "make_inputs"]

_option = partial(Option, rich_help_panel="Input (one of --input and --random)")
InputData = Annotated[
    str | None,
    _option(
        "--input",
        metavar="DATA",
        help="Arrays (.npz, .npy), one per Input of the graph, under its name: time first, then "
        "batch, then features; a single one may have any name. Or anything else that `nirx "
        "reference` takes: csv, NIRData, a reference, events, a generator. See docs/inputs.md.",
    ),
]
Seed = Annotated[
    int | None,
    _option(
        "--random", metavar="SEED", min=0, help="Random spike trains (Bernoulli) instead of data."
    ),
]
Steps = Annotated[
    int | None,
    _option(
        "--steps",
        min=0,
        help="Length. Default: all of the data, 100 for --random, 1000 for a generator.",
    ),
]
Batch = Annotated[
    int | None,
    _option("--batch", min=1, help="Samples. Default: those of the data, 1 where it has none."),
]
Rate = Annotated[
    float | None, _option("--rate", help="Spike probability per step of --random, default 0.3.")
]
DataSeed = Annotated[
    int, _option("--seed", min=0, help="Seed of a generator, such as poisson:rate=0.2.")
]


def make_inputs(
    schedule: Schedule,
    dtype: str,
    data: str | None,
    random: int | None,
    steps: int | None,
    batch: int | None,
    rate: float | None,
    seed: int = 0,
    graph: Any = None,
) -> Source:
    """The input that the options ask for.

    Arguments:
        data: as for `nirx reference`; arrays and NumPy files without a batch stay without one.
        random: seed of random spikes.
        seed, graph: as in `source_for`.

    **Raises**: `InputError`, `FileError`.
    """
    if (data is None) == (random is None):
        found = "neither --input nor --random" if data is None else "both --input and --random"
        raise InputError(f"{found} given; expected one of the two")
    if data is not None:
        if rate is not None:
            raise InputError("--rate goes with --random; a generator takes it as poisson:rate=0.2")
        return source_for(
            schedule, data, dtype, steps=steps, batch=batch, seed=seed, graph=graph, bare=True
        )
    assert random is not None, "one of the two is given"
    rate = 0.3 if rate is None else rate
    if not 0 <= rate <= 1:
        raise InputError(f"--rate {rate}; expected a probability between 0 and 1")
    wanted = wanted_of(schedule, dtype, 100 if steps is None else steps, batch or 1)
    return RandomSource(wanted, rate, random)
