"""A caller's own `Source`: what it returns is checked in every read."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.errors import InputError
from nirx.inputs.finite import require_finite, require_whole
from nirx.inputs.protocol import Source, Wanted

__all__ = ["OwnSource"]


class OwnSource:
    """A caller's source, checked by its first step and in every read.

    **Raises**: `InputError`.
    """

    def __init__(self, wanted: Wanted, source: Source):
        steps = wanted.steps_for("the source", source.steps)
        if steps != source.steps or wanted.batch_for("the source", source.batch) != source.batch:
            raise InputError("a source has its own steps and batch; leave them out")
        if not source.batch or not source.steps:
            raise InputError("the source needs at least one axis of samples and one step")
        self.steps, self.batch = source.steps, source.batch
        self.identity: dict[str, Any] = source.identity
        self._wanted, self._source = wanted, source
        self.read(0, 1)

    def read(self, start: int, stop: int) -> dict[str, np.ndarray]:
        """See `Source.read`."""
        found, wanted = self._source.read(start, stop), self._wanted
        if set(found) != set(wanted.features):
            raise InputError(
                f"the source returns {sorted(found)}; expected {list(wanted.features)}"
            )
        taken = {}
        for name, features in wanted.features.items():
            own, shape = found[name], (stop - start, *self.batch, *features)
            if own.shape != shape or (own.dtype != wanted.dtype and not wanted.whole):
                raise InputError(
                    f"the source returns {own.dtype.name} {list(own.shape)} for Input {name!r}; "
                    f"expected {wanted.dtype.name} {list(shape)}"
                )
            flat = own.reshape(stop - start, int(np.prod(self.batch)), int(np.prod(features)))
            if wanted.whole:
                require_whole("the source", name, start, flat)
                own = own.astype(wanted.dtype)
            require_finite("the source", name, start, flat, flat)
            taken[name] = own
        return taken
