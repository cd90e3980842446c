"""A reference and a recording: what both have, and both sides of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nirx.basics.name_list import name_list
from nirx.dynamics.ops import Shape
from nirx.errors import InputError, warn_caller
from nirx.recordings.observed_run import ObservedRun
from nirx.recordings.open_reference import OpenReference
from nirx.references.layout import Observable

__all__ = ["Pair", "make_pair"]


@dataclass(frozen=True)
class Pair:
    """What is compared.

    Arguments:
        reference, observed: the two sides.
        shared: recordings that both have, in the order of execution.
        steps, samples: of the comparison, from the first on.
    """

    reference: OpenReference
    observed: ObservedRun
    shared: list[Observable]
    steps: int
    samples: int

    def shape(self, observable: Observable) -> Shape:
        """`[*batch, *features]` of one step."""
        whole = self.samples == self.reference.samples
        batch = self.reference.batch if whole else (self.samples,)
        return (*batch, *observable.features)

    def expected(self, observable: Observable, start: int, stop: int) -> np.ndarray:
        """Steps of the reference, `[time, *batch, *features]`."""
        found = self.reference.file.read(observable, start, stop).astype(self.reference.dtype)
        flat = (stop - start, self.reference.samples, observable.neurons)
        return self._cut(observable, found.reshape(flat))

    def recorded(self, observable: Observable, start: int, stop: int) -> np.ndarray:
        """The same steps of the recording, in the dtype of the reference."""
        found = self._cut(observable, self.observed.tracks[observable.key].read(start, stop))
        with np.errstate(over="ignore", invalid="ignore"):  # too large for float32: infinity
            return found.astype(self.reference.dtype)

    def _cut(self, observable: Observable, found: np.ndarray) -> np.ndarray:
        return found[:, : self.samples].reshape(len(found), *self.shape(observable))

    @property
    def partial(self) -> bool:
        """Whether either side has more steps or samples than are compared."""
        sides = (self.reference, *self.observed.tracks.values())
        return any((side.steps, side.samples) != (self.steps, self.samples) for side in sides)

    @property
    def not_observed(self) -> tuple[str, ...]:
        """Keys of recordings that only the reference has."""
        seen = (*self.observed.tracks, *self.observed.given)
        return tuple(key for key in self.reference.file.keys if key not in seen)


def make_pair(reference: OpenReference, observed: ObservedRun, partial: bool) -> Pair:
    """Match a recording with a reference; what only the recording has is ignored with a warning.

    Arguments:
        partial: whether to compare the steps and samples that all recordings have.

    **Raises**: `InputError` if nothing is left, or if a recording has more or fewer steps or
    samples and `partial` is not set.
    """
    name, tracks = observed.name, observed.tracks
    shared = [o for o in reference.observables if o.key in tracks]
    if not shared:
        found = name_list(map(repr, observed.extra)) or "nothing"
        wanted = name_list(map(repr, reference.file.keys))
        raise InputError(f"{name}: nothing to compare: it holds {found}, the reference {wanted}")
    if observed.extra:
        extra = name_list(map(repr, observed.extra))
        warn_caller(f"{name}: {extra} is not in the reference and is ignored")
    extent = {"steps": reference.steps, "samples": reference.samples}
    for key, track in tracks.items():
        for what, has in (("steps", track.steps), ("samples", track.samples)):
            wanted = getattr(reference, what)
            if has != wanted and not partial:
                raise InputError(
                    f"{name}: {key!r} has {has} {what}, the reference {wanted}; to compare what "
                    "both have, ask for partial (--partial)"
                )
            extent[what] = min(extent[what], has)
    if 0 in extent.values():
        raise InputError(f"{name}: nothing to compare: no steps or no samples")
    return Pair(reference, observed, shared, extent["steps"], extent["samples"])
