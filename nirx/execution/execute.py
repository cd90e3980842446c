"""The executor: one step, or a run over chunks of time, on any backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nirx.dynamics.ops import Array, Ops, Shape
from nirx.execution.accept import accept_batch, accept_inputs, accept_state, input_shifts
from nirx.execution.chunking import (
    COMPILED_ROOM,
    checkpoint_chunk,
    default_chunk,
    require_checkpoint,
    require_chunk,
)
from nirx.execution.kernels.loop_run import LoopCall, Loops
from nirx.execution.runners import Runner
from nirx.graphs.recording import Probe, resolve_record
from nirx.graphs.returns import Returns, fill_returns, returned_probes
from nirx.graphs.schedule import Schedule, ScheduledNode, Segment
from nirx.graphs.state import NodeState, map_tree, nest

__all__ = ["Executor"]

Values = dict[int, Array]

SEAL_EVERY = 8
"""A compiler may fuse this many nodes of a step; with more, compiling outlasts the run."""


class Executor:
    """Runs a schedule with a backend's `Ops` and one `Runner` per node.

    Everything outside feedback runs over a chunk of time at once, node after node; a cyclic
    component runs step by step. Nothing passed in is ever changed.
    """

    def __init__(
        self,
        schedule: Schedule,
        ops: Ops,
        runners: Sequence[Runner],
        returns: Returns | None = None,
        loops: Loops | None = None,
        constant: bool = False,
    ):
        self.schedule, self.ops, self.runners = schedule, ops, runners
        self.loops = loops
        """Kernels that run cyclic components whole, if any."""
        self.returns = returns
        """What is returned instead of the Outputs, if anything."""
        self.returned = returned_probes(schedule, returns)
        self.foreign = frozenset(i for i, runner in enumerate(runners) if runner.foreign)
        self.in_integers = schedule.discretization.in_integers
        self.input_shifts = input_shifts(schedule)
        self.constant = constant
        """Whether parameters never change, so that coefficients are computed once."""
        self._known: list[Any] | None = None

    # -- the public calls -------------------------------------------------------------

    def init_state(self, batch: Shape) -> dict[str, Any]:
        """The state tree before the first step; leaves are [*batch, *features]."""
        batch = accept_batch(batch)
        return self._tree(self._initial_states(batch, self._coefficients()))

    def step(self, x: Any, state: Any) -> tuple[Any, dict[str, Any]]:
        """One step: x is [*batch, *features] or a dict of such; returns outputs and new state."""
        inputs, batch, _ = self._accept(x, time=False)
        coefficients = self._coefficients()
        states = self._start(state, batch, coefficients)
        values, states = self._step(inputs, states, coefficients)
        # Copies: an LI outputs its own v, and callers may write into a result.
        probed = {p.key: self.ops.copy(self._probed(p, values, states)) for p in self._results()}
        return self._result(self._whole(probed)), self._tree(states)

    def run(
        self,
        xs: Any,
        state: Any,
        record: Any,
        chunk: int | None,
        room: int = 0,
        checkpoint: bool = False,
    ) -> tuple[Any, ...]:
        """Many steps: xs is [time, *batch, *features]; returns outputs, state and recordings.

        Arguments:
            room: bytes of the values of a chunk, where `chunk` is None.
            checkpoint: whether a gradient recomputes the insides of chunks.
        """
        checkpoint = require_checkpoint(checkpoint)
        chunk = None if chunk is None else require_chunk(chunk)
        probes = [] if record is None else resolve_record(self.schedule, record)
        inputs, batch, length = self._accept(xs, time=True)
        if chunk is None and checkpoint:
            chunk = checkpoint_chunk(self.schedule, length)
        elif chunk is None:
            chunk = default_chunk(self.schedule, batch, inputs[0].dtype.itemsize, room)
        coefficients = self._coefficients()
        states = self._start(state, batch, coefficients)
        results = self._results()
        wanted = [*results, *probes]
        if length == 0:
            arrays = [self._nothing(probe, batch) for probe in wanted]
        else:
            stepwise = chunk == 1 and room == COMPILED_ROOM
            arrays, states = self._run(
                inputs, states, coefficients, wanted, length, chunk, checkpoint, stepwise
            )
        count = len(results)
        outputs = {p.key: a for p, a in zip(results, arrays[:count], strict=True)}
        result = self._result(self._whole(outputs)), self._tree(states)
        if record is None:
            return result
        recorded = dict(zip((p.key for p in probes), arrays[count:], strict=True))
        return *result, self._whole(recorded)

    def _accept(self, x: Any, time: bool) -> tuple[list[Array], Shape, int]:
        """See `accept_inputs`."""
        inputs, batch, length = accept_inputs(self.schedule, self.ops, x, time)
        if any(self.input_shifts):
            inputs = [
                self.ops.mul(array, self.ops.constant(2.0**shift)) if shift else array
                for array, shift in zip(inputs, self.input_shifts, strict=True)
            ]
        return inputs, batch, length

    def _tree(self, states: list[NodeState]) -> dict[str, Any]:
        """The state tree that callers get."""
        tree = nest(self.schedule.nodes, states, self.foreign)
        return map_tree(self.ops.whole, tree) if self.in_integers else tree

    def _whole(self, arrays: dict[str, Array]) -> dict[str, Array]:
        """Results as callers get them: whole numbers where the network computes in integers."""
        if not self.in_integers:
            return arrays
        return {key: self.ops.whole(array) for key, array in arrays.items()}

    def _results(self) -> list[Probe]:
        """What the result consists of."""
        if self.returns is not None:
            return list(self.returned)
        return [Probe(name, p, None) for name, p in self.schedule.outputs]

    def _result(self, values: dict[str, Array]) -> Any:
        if self.returns is not None:
            return fill_returns(self.returns, values)
        return next(iter(values.values())) if len(values) == 1 else values

    # -- one step ---------------------------------------------------------------------

    def _step(
        self, inputs: list[Array], states: list[NodeState], coefficients: list[Any]
    ) -> tuple[Values, list[NodeState]]:
        values = {p: x for (_, p), x in zip(self.schedule.inputs, inputs, strict=True)}
        whole = Segment(0, len(self.schedule.nodes), True)
        return values, self._walk(whole, values, states, coefficients)

    def _walk(
        self,
        segment: Segment,
        values: Values,
        states: Sequence[NodeState],
        coefficients: Sequence[Any],
    ) -> list[NodeState]:
        """One step of the nodes of a segment; adds to `values` and returns the new states.

        `states` and `coefficients` hold the segment's nodes only.
        """
        nodes = self.schedule.nodes
        start = segment.start
        new: list[NodeState] = list(states)
        for p in range(segment.start, segment.stop):
            own, late = states[p - start]
            if p in values:
                continue
            if nodes[p].deferred:
                values[p] = self.runners[p].emit(self.ops, own)
                continue
            x = self._fan_in(nodes[p], values, late)
            y, own = self.runners[p].step(self.ops, coefficients[p - start], x, own)
            values[p] = self.ops.seal(y) if p % SEAL_EVERY == SEAL_EVERY - 1 else y
            new[p - start] = own, late
        for p in range(segment.start, segment.stop):
            own, late = new[p - start]
            if nodes[p].deferred:
                x = self._fan_in(nodes[p], values, late)
                _, own = self.runners[p].step(self.ops, coefficients[p - start], x, own)
            new[p - start] = own, {nodes[s].name: values[s] for s in nodes[p].late_sources}
        return new

    def _fan_in(self, node: ScheduledNode, values: Values, late: Mapping[str, Array]) -> Array:
        total = None
        for source in node.sources:
            name = self.schedule.nodes[source.position].name
            value = late[name] if source.late else values[source.position]
            total = value if total is None else self.ops.add(total, value)
        return total

    # -- many steps -------------------------------------------------------------------

    def _run(
        self,
        inputs: list[Array],
        states: list[NodeState],
        coefficients: list[Any],
        wanted: list[Probe],
        length: int,
        chunk: int,
        checkpoint: bool,
        stepwise: bool,
    ) -> tuple[list[Array], list[NodeState]]:
        """What is wanted over time, and the states after it.

        Arguments:
            stepwise: whether a chunk is one step, without loops over time inside of it.
        """
        first: list[Array] | None = None
        if any(own is None and self.runners[i].has_memory for i, (own, _) in enumerate(states)):
            # A user's module without init_state creates its state in its first step. That step
            # runs alone, because a scan has to know the structure of its carry.
            values, states = self._step([x[0] for x in inputs], states, coefficients)
            first = [self._probed(p, values, states)[None] for p in wanted]
            inputs, length = [x[1:] for x in inputs], length - 1
            if not length:
                return first, states

        def body(states: list[NodeState], xs: list[Array]):
            if stepwise:
                values, states = self._step([x[0] for x in xs], states, coefficients)
                return states, [self._probed(p, values, states)[None] for p in wanted]
            return self._chunk(xs, states, coefficients, wanted)

        own = self.ops.checkpoint(body) if checkpoint else body
        states, arrays = self.ops.scan_chunks(own, states, inputs, length, chunk)
        if first is not None:
            both = zip(first, arrays, strict=True)
            arrays = [self.ops.concatenate([a, b]) for a, b in both]
        return arrays, states

    def _chunk(
        self,
        inputs: list[Array],
        states: list[NodeState],
        coefficients: list[Any],
        wanted: list[Probe],
    ) -> tuple[list[NodeState], list[Array]]:
        values = {p: x for (_, p), x in zip(self.schedule.inputs, inputs, strict=True)}
        states = list(states)
        traces: dict[tuple[int, str], Array] = {}
        keep = {probe.position for probe in wanted}
        length = inputs[0].shape[0]
        for segment, finished in zip(self.schedule.segments, self.schedule.last_uses, strict=True):
            recorded = [
                (p.position, p.variable)
                for p in wanted
                if p.variable is not None and segment.start <= p.position < segment.stop
            ]
            if segment.stepwise:
                self._component(
                    segment, values, states, coefficients, keep, recorded, traces, length
                )
            elif segment.start not in values:
                p = segment.start
                own, late = states[p]
                x = self._fan_in(self.schedule.nodes[p], values, late)
                names = tuple(dict.fromkeys(variable for _, variable in recorded))
                values[p], own, trace = self.runners[p].chunk(
                    self.ops, coefficients[p], x, own, names
                )
                states[p] = own, late
                traces.update({(p, name): array for name, array in trace.items()})
            for p in finished:
                if p not in keep:
                    values.pop(p, None)
        pick = ((p.position, p.variable) for p in wanted)
        return states, [values[p] if v is None else traces[p, v] for p, v in pick]

    def _component(
        self,
        segment: Segment,
        values: Values,
        states: list[NodeState],
        coefficients: list[Any],
        keep: set[int],
        recorded: list[tuple[int, str]],
        traces: dict[tuple[int, str], Array],
        length: int,
    ) -> None:
        """Run a cyclic component step by step; adds to `values`, `states` and `traces`."""
        inside = range(segment.start, segment.stop)
        own_coefficients = coefficients[segment.start : segment.stop]
        outside, wanted = self.schedule.borders[segment.start]
        wanted = [p for p in inside if p in keep or p in wanted]
        before = states[segment.start : segment.stop]
        if self.loops is not None:
            call = LoopCall(
                segment.start, values, before, own_coefficients, wanted, recorded, length
            )
            found = self.loops.run(call)
            if found is not None:
                carry, outs, traced = found
                states[segment.start : segment.stop] = carry
                values.update(zip(wanted, outs, strict=True))
                traces.update(zip(recorded, traced, strict=True))
                return

        def step(carry: list[NodeState], xs: list[Array]):
            now = dict(zip(outside, xs, strict=True))
            carry = self._walk(segment, now, carry, own_coefficients)
            traced = [
                self.runners[p].variable(carry[p - segment.start][0], name) for p, name in recorded
            ]
            return carry, [*(now[p] for p in wanted), *traced]

        xs = [values[p] for p in outside]
        carry, outs = self.ops.scan(step, before, xs, length)
        states[segment.start : segment.stop] = carry
        values.update(zip(wanted, outs, strict=False))
        traces.update(zip(recorded, outs[len(wanted) :], strict=True))

    def _probed(self, probe: Probe, values: Values, states: list[NodeState]) -> Array:
        if probe.variable is None:
            return values[probe.position]
        return self.runners[probe.position].variable(states[probe.position][0], probe.variable)

    def _nothing(self, probe: Probe, batch: Shape) -> Array:
        node = self.schedule.nodes[probe.position]
        if probe.variable is None or node.dynamics is None:
            features = node.output_shape
        else:
            features = node.dynamics.state_shapes()[probe.variable]
        return self.ops.zeros((0, *batch, *features))

    def _start(self, state: Any, batch: Shape, coefficients: list[Any]) -> list[NodeState]:
        if state is None:
            return self._initial_states(batch, coefficients)
        return accept_state(self.schedule, self.ops, state, batch, self.foreign)

    # -- before the first step --------------------------------------------------------

    def _coefficients(self) -> list[Any]:
        if self._known is not None:
            return self._known
        found = [runner.coefficients(self.ops) for runner in self.runners]
        if self.constant:
            self._known = found
        return found

    def _initial_states(self, batch: Shape, coefficients: list[Any]) -> list[NodeState]:
        own = [runner.initial_state(self.ops, batch) for runner in self.runners]
        before = self._before_first_step(batch, coefficients)
        nodes = self.schedule.nodes
        late = [{nodes[s].name: before[s] for s in node.late_sources} for node in nodes]
        return list(zip(own, late, strict=True))

    def _before_first_step(self, batch: Shape, coefficients: list[Any]) -> Values:
        """The values of feedback edges in the first step.

        "silent": the value of the source when all neurons, delays, inputs and feedback edges
        are zero, so a recurrent Affine contributes its bias.
        """
        nodes = self.schedule.nodes

        def zeros(p: int) -> Array:
            return self.ops.zeros((*batch, *nodes[p].output_shape))

        late = list(dict.fromkeys(s for node in nodes for s in node.late_sources))
        if self.schedule.discretization.feedback_initial == "zero":
            return {p: zeros(p) for p in late}
        remembers = {p for p, r in enumerate(self.runners) if r.foreign and r.has_memory}
        quiet = {
            p
            for p, node in enumerate(nodes)
            if node.neuron or node.deferred or not node.sources or p in remembers
        }
        needed, work = set(late), [p for p in late if p not in quiet]
        while work:
            for source in nodes[work.pop()].sources:
                if not source.late and source.position not in needed:
                    needed.add(source.position)
                    work += [source.position] if source.position not in quiet else []
        values: Values = {}
        for p in sorted(needed):
            if p in quiet:
                values[p] = zeros(p)
                continue
            at_rest = {nodes[s].name: zeros(s) for s in nodes[p].late_sources}
            x = self._fan_in(nodes[p], values, at_rest)
            rest = self.runners[p].initial_state(self.ops, batch)  # a Delay's zeros, or nothing
            values[p], _ = self.runners[p].step(self.ops, coefficients[p], x, rest)
        return values
