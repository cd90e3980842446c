"""Loops of a draft: the shapes they carry, and the Delays that stand for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nir
import numpy as np

from nirx.errors import UnsupportedError
from nirx.tracing.value import Loop, Source, Value

if TYPE_CHECKING:
    from nirx.tracing.draft import Draft

__all__ = ["insert_delays", "resolve_loop_shapes"]


def resolve_loop_shapes(draft: Draft) -> None:
    """Give every loop the shape of what it carries.

    **Raises**: `UnsupportedError` for a loop that is read but carries only itself.
    """
    pending = [loop for loop in draft.loops if loop.value is not None]
    written: list[Loop] = []
    progress = True
    while progress:  # a loop may carry another loop, to any depth
        progress = False
        for loop in [loop for loop in pending if loop not in written]:
            assert loop.value is not None
            known = [s for s in loop.value.sources if isinstance(s, str) or s in written]
            for source in known:
                shape = draft.shapes[source] if isinstance(source, str) else source.shape
                loop.shape = loop.value.shape or loop.shape or shape
            if known or not loop.value.sources:
                written.append(loop)
                progress = True
    read = [source for source, _ in draft.edges]
    for loop in pending:
        if loop in read and loop not in written:
            raise UnsupportedError(
                f"{loop.name} is read, but no step ever changes it; make it a parameter"
            )


def insert_delays(draft: Draft, loops: list[Loop], dt: float) -> None:
    """Replace loops, which may read one another, by one-step Delays."""
    names: dict[Source, str] = {}
    for loop in loops:
        assert loop.value is not None
        shape = loop.value.shape if loop.value.shape is not None else loop.shape
        delay = nir.Delay(np.full(() if shape is None else shape, dt))
        names[loop] = draft.put(f"{loop.name}.delay", delay, shape)
    draft.edges = [(names.get(s, s), t) for s, t in draft.edges]
    for loop in loops:
        assert loop.value is not None
        sources = tuple(names.get(s, s) for s in loop.value.sources)
        draft.connect(Value(sources, loop.value.shape), names[loop])
