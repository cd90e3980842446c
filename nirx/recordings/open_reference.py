"""A reference file as `nirx.verify` uses it: checked, and with the schedule of its graph."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nirx.basics.paths import Path
from nirx.errors import FileError, NirxWarning
from nirx.graphs.feedback import adjacency
from nirx.graphs.schedule import build_schedule
from nirx.recordings.run_layout import RunLayout
from nirx.references.reading import ReferenceFile

__all__ = ["OpenReference", "check_reference"]


@dataclass(frozen=True, eq=False)
class OpenReference(RunLayout):
    """A reference whose content matches its digests.

    Arguments:
        file: the open file.
    """

    file: ReferenceFile

    def inputs(self, start: int, stop: int) -> dict[str, np.ndarray]:
        """What drove the run, as `net.run` takes it."""
        found = {}
        for name, position in self.schedule.inputs:
            observable = self.find(self.schedule.nodes[position].path, None)
            if observable is None:
                raise FileError(f"{self.file.path}: the data of Input {name!r} is missing")
            found[name] = self.file.read(observable, start, stop)
        return found

    def downstream(self, path: Path, silent: Collection[Path] = ()) -> set[Path]:
        """The node itself and all nodes that its output can reach.

        Arguments:
            silent: nodes that pass nothing on.
        """
        work = [self.schedule.positions[path]]
        seen = set(work)
        while work:
            position = work.pop()
            if self.schedule.nodes[position].path in silent:
                continue
            fresh = [p for p in self._targets[position] if p not in seen]
            seen.update(fresh)
            work += fresh
        return {self.schedule.nodes[p].path for p in seen}

    @cached_property
    def _targets(self) -> list[list[int]]:
        nodes = self.schedule.nodes
        edges = [(s.position, target) for target, node in enumerate(nodes) for s in node.sources]
        return adjacency(len(nodes), edges)


def check_reference(file: ReferenceFile, advance: Callable[[int], object]) -> OpenReference:
    """Check a reference's content and schedule its graph.

    Arguments:
        advance: called with a number of steps as the check proceeds.

    **Raises**: `FileError` for anything that does not match its digest.
    """
    file.verify_content(advance)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NirxWarning)  # shown when the reference was made
        schedule, _ = build_schedule(file.graph, file.discretization)
    lost = [o.key for o in file.observables if o.path not in schedule.positions]
    if lost:
        raise FileError(f"{file.path}: it holds a recording of {lost[0]!r}, which its graph lacks")
    dtype, dt = np.dtype(file.run_dtype), file.discretization.dt
    return OpenReference(schedule, file.observables, file.steps, file.batch, dtype, dt, file)
