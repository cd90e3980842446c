"""A neuron that is forced to spike as recorded: then v and i are linear in its gains.

With the spikes given, a run of the node's own dynamics at three gains yields A, B and C of
v = A + g*B + h*C for a gain g of the input and h of the threshold, in every step and for any
reset. Each spike, and each step without one, is then an inequality; each sample of a recorded v
or i an equation. `Evidence` gathers them while the runs go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nirx.diagnosis.evidence import Evidence, Parts
from nirx.diagnosis.gains import Gain, scaled_parameters
from nirx.diagnosis.guessed import Elements
from nirx.diagnosis.observed import Trace
from nirx.diagnosis.trial import Lane
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.neuron import Neuron
from nirx.dynamics.ops import Array, Ops
from nirx.execution.numpy_ops import NumpyOps

__all__ = ["forced_evidence"]

CHUNK = 64
"""Steps between two looks at what has been gathered."""
CORNERS = (Gain(0.0, 0.0), Gain(1.0, 0.0), Gain(0.0, 1.0))


def forced_evidence(
    lanes: Sequence[Lane],
    shifts: Sequence[int],
    traces: Sequence[Trace],
    decided: np.ndarray | None,
    elements: Elements,
    ops: NumpyOps,
    evidence: Evidence,
) -> bool:
    """Run a lone neuron or Threshold that spikes as recorded, and gather what that says.

    Arguments:
        lanes: candidates whose runs are the same but for numbers.
        shifts: observed[t] is simulated[t - shift].
        traces: its recordings.
        decided: what `guessed_spikes` returned, where no spikes were recorded.
        evidence: is added to.

    Returns: False as soon as no gain is possible.
    """
    neuron = isinstance(lanes[0].cut.members[0].dynamics, Neuron)
    run = _Run(lanes, elements, ops) if neuron else _Still(lanes, elements)
    states = [t for t in traces if not t.spikes]
    seen = [elements.series(t.values)[:, None, None] for t in states]
    length = len(traces[0].values)
    moved = None if decided is None else _Moved(decided, [0] * len(shifts), 0)
    for trace in traces:
        if trace.spikes:
            # With output="old" the spikes of a step were decided by the v of the step before.
            late = int(run.rule.output == "old")
            moved = _Moved(elements.series(trace.values)[:, None, None], shifts, late)
    for start in range(0, length, CHUNK):
        stop = min(start + CHUNK, length)
        got = run.advance(start, stop, moved, len(shifts))
        if moved is not None:
            z, known = moved.at(start, stop)
            evidence.add_spikes(_parts(got.decided), z, known, run.threshold)
        for trace, values in zip(states, seen, strict=True):
            observed, known = _Moved(values, shifts, 0).at(start, stop)
            simulated = {"v": got.v, "i": got.i}.get(trace.variable or "", got.y)
            evidence.add_states(_parts(simulated), observed, known, trace.unit)
        if not evidence.possible:
            return False
    return True


def _parts(values: np.ndarray) -> Parts:
    """A, B and C of runs at `CORNERS`: [steps, lane, shift, corner, elements]."""
    a, b, c = np.moveaxis(values, 3, 0)
    return a, b - a, c - a


class _Moved:
    """A recording in the time of the simulation.

    Arguments:
        values: [time, lane or 1, shift or 1, elements].
        extra: steps by which each sample belongs to an earlier step, beyond the shifts.
    """

    def __init__(self, values: np.ndarray, shifts: Sequence[int], extra: int):
        self.values, self.extra = values, np.array(shifts) + extra

    def at(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Samples [steps, lane or 1, shift, elements], 0 where not recorded; where they were."""
        each, known = [], []
        length = len(self.values)
        for row, extra in enumerate(self.extra):
            times = np.arange(start, stop) + extra
            inside = (times >= 0) & (times < length)
            own = self.values[np.clip(times, 0, length - 1)]
            own = own[:, :, min(row, own.shape[2] - 1)]
            each.append(np.where(inside[:, None, None], own, 0.0))
            known.append(inside[:, None, None] & np.ones(own.shape[1:], bool))
        return np.stack(each, axis=2), np.stack(known, axis=2)


@dataclass(frozen=True, eq=False)
class _Got:
    """What a stretch of the runs gave, each [steps, lane, shift, corner, elements]."""

    v: np.ndarray
    i: np.ndarray
    y: np.ndarray
    decided: np.ndarray


class _Fires:
    """Spikes as recorded, in place of `nirx.dynamics.spike.fire`."""

    def __init__(self, old: Array, before: Array, now: Array):
        self.old, self.before, self.now = old, before, now
        self.decided: Array | None = None

    def __call__(self, ops: Ops, rule: Discretization, c: object, v: Array) -> Array:
        if v is self.old:
            return self.before
        self.decided = v
        return self.now


class _Still:
    """A Threshold: its input decides, and nothing of it is forced."""

    def __init__(self, lanes: Sequence[Lane], elements: Elements):
        place = lanes[0].cut.members[0]
        self.rule = lanes[0].dynamics(place).rule
        own = lanes[0].cut.variant.parameters[place.path]["threshold"]
        self.threshold = elements.parameter(own)
        each = [elements.series(lane.cut.feeds[0]) for lane in lanes]
        self.x = np.stack(each, axis=1)[:, :, None, None]

    def advance(self, start: int, stop: int, moved: _Moved | None, shifts: int) -> _Got:
        """Some more steps."""
        x = self.x[start:stop]
        shape = (*x.shape[:2], shifts, len(CORNERS), x.shape[-1])
        x = np.broadcast_to(x, shape)
        return _Got(x, x, x, x)


class _Run:
    """The runs of some lanes at `CORNERS`, each [lane, shift, corner, elements]."""

    def __init__(self, lanes: Sequence[Lane], elements: Elements, ops: NumpyOps):
        self.ops, size = ops, (len(elements.chosen),)
        place = lanes[0].cut.members[0]
        first = lanes[0].dynamics(place)
        assert isinstance(first, Neuron), "only neurons are forced"
        self.rule = first.rule
        self.dynamics = replace(first, input_shape=size, output_shape=size)
        every, start = [], []
        for lane in lanes:
            own = replace(lane.dynamics(place), input_shape=size, output_shape=size)
            raw = lane.cut.variant.parameters[place.path]
            flat = {name: elements.parameter(value) for name, value in raw.items()}
            with np.errstate(all="ignore"):  # a count divides by a threshold of 0
                scaled = [scaled_parameters(flat, corner) for corner in CORNERS]
                every.append([own.coefficients(ops, p) for p in scaled])
            start.append(own.initial_state(ops, flat, ()))
        self.c = {
            name: np.stack([[c[name] for c in corners] for corners in every])[:, None]
            for name in every[0][0]
        }
        self.state = {
            name: np.stack([own[name] for own in start])[:, None, None] for name in start[0]
        }
        top = lanes[0].cut.variant.parameters[place.path].get("v_threshold", np.zeros(()))
        self.threshold = elements.parameter(top)
        feeds = [elements.series(lane.cut.feeds[0]) for lane in lanes]
        same = all(feed is feeds[0] for feed in feeds)
        self.x = np.stack(feeds[:1] if same else feeds, axis=1)[:, :, None, None]
        self.spikes_before: np.ndarray | None = None

    def advance(self, start: int, stop: int, moved: _Moved | None, shifts: int) -> _Got:
        """Some more steps."""
        width = next(iter(self.c.values())).shape[0]
        shape = (width, shifts, len(CORNERS), self.x.shape[-1])
        z = None
        if moved is not None:
            z = moved.at(start, stop)[0][:, :, :, None]
            if self.spikes_before is None:
                self.spikes_before = moved.at(start - 1, start)[0][0, :, :, None]
        rows: list[tuple[np.ndarray, ...]] = []
        with np.errstate(all="ignore"):
            for step in range(start, stop):
                old = self.state["v"]
                fires = None
                if z is None:
                    y, self.state = self.dynamics.step(self.ops, self.c, self.x[step], self.state)
                else:
                    fires = _Fires(old, self.spikes_before, z[step - start])
                    y, self.state = self.dynamics.step_with(
                        self.ops, self.c, self.x[step], self.state, fires
                    )
                    self.spikes_before = z[step - start]
                v = self.state["v"]
                decided = v if fires is None or fires.decided is None else fires.decided
                found = (v, self.state.get("i", v), y, decided)
                rows.append(tuple(np.broadcast_to(own, shape) for own in found))
        return _Got(*(np.stack(own) for own in zip(*rows, strict=True)))
