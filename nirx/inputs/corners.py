"""The corner set: a short input that tries to make every neuron spike.

A block is a sequence of segments, each held for some steps, with silence between them: all on;
each channel alone; first and second half; even and odd (a checkerboard if there are rows);
negative; four times as strong. The graph runs on the first block at amplitude 1. While some
neurons have not spiked yet, further blocks are tried, each at twice the amplitude and every second
one held twice as long. A block that makes new neurons spike is kept, others are dropped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.inputs.protocol import SlicedSource, Wanted

__all__ = ["CornerSource"]

HOLD = 6
"""Steps of a segment, and of the silence after it, in the first block."""
MOST_HOLD = 24
TRIES = 8
MOST_STEPS = 4096
MOST_CHANNELS = 24
"""Of one Input; more channels are turned on in as many groups of neighbours."""
STRONG = 4.0
RUN = 64
"""Steps that are run together."""
SHOWN = 10

Segment = tuple[str, float, int]
"""Pattern, amplitude, steps."""


class CornerSource(SlicedSource):
    """The corner set of a graph.

    Its segments are found with the NumPy backend in reproducible mode, so that they are the same
    on every machine. `identity["silent"]` has the number of spiking neurons, the number of those
    that it does not make spike, and the first of them.

    Arguments:
        graph: a `nir.NIRGraph`.
        discretization: of the run.
    """

    portable = True

    def __init__(self, wanted: Wanted, graph: Any, discretization: Any):
        self._wanted = wanted
        self._patterns = list(_patterns(wanted.features))
        self._segments, silent = self._search(graph, discretization)
        own = {"segments": [list(segment) for segment in self._segments], "silent": silent}
        length = _length(self._segments)
        super().__init__(wanted, "corners", length, wanted.batch or (1,), own)

    def _values(self, name: str, start: int, stop: int) -> np.ndarray:
        number, features = list(self._wanted.features).index(name), self._wanted.features[name]
        filled = _filled(self._segments, number, features, start, stop)
        return filled.reshape(stop - start, 1, math.prod(features))

    def _search(self, graph: Any, discretization: Any) -> tuple[list[Segment], dict[str, Any]]:
        from nirx.execution.numpy_backend import from_nir  # only this source needs a backend

        net = from_nir(graph, discretization, self._wanted.floating.name, reproducible=True)
        nodes = [node for node in net.schedule.nodes if node.spiking and node.type_name != "Input"]
        seen = {node.path: np.zeros(node.output_shape, bool) for node in nodes}
        kept: list[Segment] = []
        state: Any = None
        for number in range(TRIES):
            hold = min(HOLD * 2 ** (number // 2), MOST_HOLD)
            block = list(_block(self._patterns, 2.0**number, hold))
            if kept and _length(kept) + _length(block) > MOST_STEPS:
                continue
            after, found = self._run(net, block, state, list(seen))
            new = {path: seen[path] | found[path] for path in seen}
            if not kept or _count(new) > _count(seen):
                kept, state, seen = [*kept, *block], after, new
            if _count(seen) == sum(spiked.size for spiked in seen.values()):
                break
        return kept, _silent({node.name: seen[node.path] for node in nodes})

    def _run(
        self, net: Any, block: list[Segment], state: Any, paths: list[Any]
    ) -> tuple[Any, dict[Any, np.ndarray]]:
        found: dict[Any, np.ndarray] = {path: np.zeros((), bool) for path in paths}
        length = _length(block)
        for start in range(0, length, RUN):
            stop = min(start + RUN, length)
            xs = {
                name: _filled(block, number, features, start, stop)[:, None].astype(net.dtype)
                for number, (name, features) in enumerate(self._wanted.features.items())
            }
            _, state, spikes = net.run(xs, state, record=paths)
            found = {path: found[path] | (spikes[path] != 0).any((0, 1)) for path in paths}
        return state, found


def _patterns(inputs: dict[str, Shape]) -> Iterator[str]:
    yield "all"
    for number, features in enumerate(inputs.values()):
        channels = features[0] if features else 1
        for group in range(min(channels, MOST_CHANNELS)):
            yield f"channel {number} {group}"
    yield from ("first half", "second half", "even", "odd")


def _block(patterns: list[str], level: float, hold: int) -> Iterator[Segment]:
    yield "silence", 0.0, hold
    strong = [("all", -level, hold), ("all", STRONG * level, hold)]
    for segment in (*((pattern, level, hold) for pattern in patterns), *strong):
        yield segment
        yield "silence", 0.0, hold


def _length(segments: list[Segment]) -> int:
    return sum(length for _, _, length in segments)


def _filled(
    segments: list[Segment], number: int, features: Shape, start: int, stop: int
) -> np.ndarray:
    """Steps start..stop-1, `[stop-start, *features]`."""
    array = np.zeros((stop - start, *features))
    begin = 0
    for pattern, level, length in segments:
        first, last = max(begin, start), min(begin + length, stop)
        if first < last and pattern != "silence":
            array[first - start : last - start] = level * _mask(pattern, number, features)
        begin += length
    return array


def _mask(pattern: str, number: int, features: Shape) -> np.ndarray:
    """Which features of Input `number` a pattern turns on."""
    size = math.prod(features)
    if pattern.startswith("channel"):
        owner, group = map(int, pattern.split()[1:])
        channels = features[0] if features else 1
        groups = min(channels, MOST_CHANNELS)
        own = np.arange(channels) * groups // channels == group
        on = np.repeat(own, size // channels) & (owner == number)
    elif pattern.endswith("half"):
        on = (np.arange(size) * 2 < size) == (pattern == "first half")
    elif pattern in ("even", "odd"):
        on = np.indices(features).sum(0).reshape(-1) % 2 == (pattern == "odd")
    else:
        on = np.ones(size, bool)
    return on.reshape(features)


def _count(seen: dict[Any, np.ndarray]) -> int:
    return sum(int(np.count_nonzero(spiked)) for spiked in seen.values())


def _silent(seen: dict[str, np.ndarray]) -> dict[str, Any]:
    first: list[str] = []
    for name, spiked in seen.items():
        places = np.argwhere(~spiked)[: SHOWN - len(first)].tolist()
        first += [f"{name}{place}" for place in places]
    total = sum(spiked.size for spiked in seen.values())
    return {"neurons": total, "count": total - _count(seen), "first": first}
