"""`Subject`: one program that is measured, and `Case`: what it is measured on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import nir
import numpy as np

from nirx.dynamics.discretization import Discretization

__all__ = ["CannotRunError", "Case", "Subject"]


class CannotRunError(Exception):
    """A peer cannot run a case; the text says why."""


@dataclass(frozen=True)
class Case:
    """One network on one input.

    Arguments:
        network: its name, for tables.
        graph: never changed.
        batch, steps: of the input.
        density: share of the input's channels that spike in a step.
        inputs: `"spikes"`, or `"real"` for real values.
        train: forward and backward, with the mean of the outputs as loss.
        device: `"cpu"` or `"cuda"`.
    """

    network: str
    graph: nir.NIRGraph = field(repr=False)
    discretization: Discretization
    input_shape: tuple[int, ...]
    batch: int = 1
    steps: int = 200
    density: float = 0.05
    inputs: str = "spikes"
    train: bool = False
    dtype: str = "float32"
    device: str = "cpu"

    @cached_property
    def xs(self) -> np.ndarray:
        """[time, batch, *features], the same for all subjects."""
        random = np.random.default_rng(1)
        shape = (self.steps, self.batch, *self.input_shape)
        if self.inputs == "real":
            return (0.2 * random.standard_normal(shape)).astype(self.dtype)
        return (random.random(shape, np.float32) < self.density).astype(self.dtype)

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that is not the network itself, for JSON."""
        names: Sequence[str] = ("network", "batch", "steps", "density", "inputs", "train")
        return {name: getattr(self, name) for name in (*names, "dtype", "device")}


@dataclass(frozen=True)
class Subject:
    """A network built for one case, ready to run.

    Arguments:
        name: of the row, such as `"nirx torch"` or `"norse"`.
        framework: `"numpy"`, `"torch"` or `"jax"`: it is compared with nirx on the same one.
        run: one run from the initial state (forward, or forward and backward); returns when the
            result is there.
        outputs: the forward run's [time, batch, *features] in NumPy; None for a floor, which
            computes less than the network.
        note: how it is called, for the page.
    """

    name: str
    framework: str
    run: Callable[[], Any]
    outputs: Callable[[], np.ndarray] | None
    note: str = ""
