"""Delay backwards."""

from __future__ import annotations

import numpy as np

from nirx_conformance.oracle.delay import Delay
from nirx_conformance.oracle.gradients.node import NodeGradient, Pull
from nirx_conformance.oracle.node import Array, State


class DelayGradient(NodeGradient):
    """The gradient of an output goes to the place in the past that it was read from."""

    @property
    def names(self) -> tuple[str, ...]:
        return ()  # a delay sets the length of the buffer

    def pull(self, x: Array, state: State, to_y: Array, to_state: State) -> Pull:
        delay = self.node
        assert isinstance(delay, Delay)
        if not delay.longest:
            return Pull(to_y, {}, {})
        time = x.ndim - len(delay.shape)
        nothing = np.zeros_like(np.expand_dims(x, time))
        to_past = np.concatenate([nothing, to_state["buffer"]], time)  # the oldest is dropped
        for steps in np.unique(delay.steps):
            place = (slice(None),) * time + (self.place(int(steps), delay.longest),)
            to_past[place] += np.where(delay.steps == steps, to_y, 0.0)
        to_buffer, to_x = np.split(to_past, [delay.longest], time)
        return Pull(np.squeeze(to_x, time), {"buffer": to_buffer}, {})

    def place(self, steps: int, longest: int) -> int:
        """The index in the past, oldest first, of what comes out after so many steps."""
        return longest - steps
