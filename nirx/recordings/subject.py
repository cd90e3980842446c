"""The reference as `nirx.verify` sees it: checked, with its schedule, and who depends on whom."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nirx.basics.paths import Path
from nirx.dynamics.ops import Shape
from nirx.errors import FileError, NirxWarning
from nirx.graphs.recording import Probe, recorded_node, resolve_record
from nirx.graphs.schedule import Schedule, ScheduledNode, build_schedule
from nirx.references.layout import Observable
from nirx.references.reading import ReferenceFile

__all__ = ["Subject", "open_subject"]


@dataclass(frozen=True, eq=False)
class Subject:
    """A reference whose content matches its digests.

    Arguments:
        file: the open reference.
        schedule: of its graph.
    """

    file: ReferenceFile
    schedule: Schedule

    @property
    def dtype(self) -> np.dtype:
        """Of the run."""
        return np.dtype(self.file.dtype)

    def read(self, observable: Observable, start: int, stop: int) -> np.ndarray:
        """Some steps of a recording, flat: [time, samples, neurons]."""
        found = self.file.read(observable, start, stop)
        return found.reshape(stop - start, self.file.samples, observable.neurons)

    def spiking(self, observable: Observable) -> bool:
        """Whether it holds spikes; an Output that passes on spikes does."""
        if observable.spiking or observable.variable is not None:
            return observable.spiking
        node = self._source(observable)
        return node.dynamics is not None and node.dynamics.spiking

    def repeats(self, observable: Observable) -> bool:
        """Whether it only passes on what the reference holds of another node."""
        source = self._source(observable).path
        return source != observable.path and self.of(source, None) is not None

    def _source(self, observable: Observable) -> ScheduledNode:
        """The node whose output it is."""
        probe = Probe(observable.key, self.schedule.positions[observable.path], None)
        return recorded_node(self.schedule, probe)

    def of(self, path: Path, variable: str | None) -> Observable | None:
        """The recording of a node's output or state variable; None where there is none."""
        return self._known.get((path, variable))

    @cached_property
    def _known(self) -> dict[tuple[Path, str | None], Observable]:
        return {(o.path, o.variable): o for o in self.file.observables}

    def record_key(self, observable: Observable) -> str | tuple[str, ...]:
        """Its key as text, if no node bears that text as its name."""
        (probe,) = resolve_record(self.schedule, [observable.key])
        path = self.schedule.nodes[probe.position].path
        same = (path, probe.variable) == (observable.path, observable.variable)
        return observable.key if same else observable.probe

    def inputs(self, start: int, stop: int) -> dict[str, np.ndarray]:
        """What drove the run, as `net.run` takes it."""
        found = {}
        for name, position in self.schedule.inputs:
            observable = self.of(self.schedule.nodes[position].path, None)
            if observable is None:
                raise FileError(f"{self.file.path}: it lacks what Input {name!r} was given")
            found[name] = self.file.read(observable, start, stop)
        return found

    def downstream(self, path: Path, silent: Collection[Path] = ()) -> set[Path]:
        """The node itself and all that its output can reach.

        Arguments:
            silent: nodes that pass nothing on.
        """
        work = [self.schedule.positions[path]]
        seen = set(work)
        while work:
            position = work.pop()
            if self.schedule.nodes[position].path in silent:
                continue
            fresh = [p for p in self._targets.get(position, ()) if p not in seen]
            seen.update(fresh)
            work += fresh
        return {self.schedule.nodes[p].path for p in seen}

    @cached_property
    def _targets(self) -> dict[int, list[int]]:
        targets: dict[int, list[int]] = {}
        for position, node in enumerate(self.schedule.nodes):
            for source in node.sources:
                targets.setdefault(source.position, []).append(position)
        return targets

    def shape(self, observable: Observable, samples: int) -> Shape:
        """[*batch, *features] of a step, of all samples or of so many."""
        batch = self.file.batch if samples == self.file.samples else (samples,)
        return (*batch, *observable.features)


def open_subject(file: ReferenceFile, advance: Callable[[int], object]) -> Subject:
    """Check a reference's content and schedule its graph.

    Arguments:
        advance: called with a number of steps as the check goes on.

    **Raises**: `FileError` for anything that does not match its digest.
    """
    file.verify_content(advance)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NirxWarning)  # whoever made the reference saw them
        schedule, _ = build_schedule(file.graph, file.discretization)
    lost = [o.key for o in file.observables if o.path not in schedule.positions]
    if lost:
        raise FileError(f"{file.path}: its graph has no {lost[0]!r}, which it holds a recording of")
    return Subject(file, schedule)
