"""Which layers of `nirx run` never spiked."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.cli.opening import Opened
from nirx.cli.tally import Tally
from nirx.comparison.silence import Silence, find_silence
from nirx.graphs.recording import Probe, resolve_record
from nirx.graphs.schedule import Schedule

__all__ = ["silence_of_run", "watched_layers"]

MOST_BYTES = 32 * 2**20
"""Of the spikes that a piece of a run returns only to see whether there are any."""


def watched_layers(
    schedule: Schedule, keys: list[Any], steps: int, samples: int, itemsize: int
) -> dict[Any, bool]:
    """The spiking nodes that a run looks at besides what it records, by `record=` key.

    The large ones are left out, so that the run needs hardly more memory or time.

    Arguments:
        keys: of the recordings, as in `net.run`.
        steps: of a piece.
        samples: elements of the batch.
        itemsize: bytes of a number.
    """
    recorded = {p.position for p in resolve_record(schedule, keys) if p.variable is None}
    left = MOST_BYTES // max(1, steps * samples * itemsize)
    found: dict[Any, bool] = {}
    for position, place in enumerate(schedule.nodes):
        width = int(np.prod(place.output_shape))
        if place.spiking and position not in recorded and width <= left:
            left -= width
            found[place.path] = False
    return found


def silence_of_run(
    opened: Opened,
    outputs: dict[str, Tally],
    recordings: dict[str, Tally],
    keys: list[Any],
    watched: dict[Any, bool],
) -> Silence:
    """The silence that outputs, recordings and watched layers show.

    Arguments:
        keys: of the recordings, as in `net.run`.
        watched: of `watched_layers`, after the run.
    """
    schedule = opened.schedule
    ends = [(Probe(name, p, None), outputs[name]) for name, p in schedule.outputs]
    kept = [(probe, recordings[str(probe.key)]) for probe in resolve_record(schedule, keys)]
    seen = [(probe, own.active) for probe, own in [*ends, *kept] if not own.empty]
    if seen:  # else the run had no steps or no samples
        seen += [(Probe(path, schedule.positions[path], None), on) for path, on in watched.items()]
    return find_silence(opened.graph, schedule, seen)
