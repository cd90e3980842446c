"""Speed: reproducible mode against fast mode, on each backend.

Times depend on the machine. They are printed, never tested.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import nir
import numpy as np

from nirx.dynamics.discretization import Discretization
from nirx.execution.backend import find_backend

__all__ = ["LAYERS", "Timing", "bench", "feed_forward"]

LAYERS = (700, 256, 256, 20)
"""Layer sizes of the network: 700 channels in, 20 words out, as for spoken digits."""

D = Discretization(dt=1e-3)


@dataclass(frozen=True)
class Timing:
    """Median seconds of one run, after a warm-up run that compiles."""

    backend: str
    batch: int
    inputs: str
    fast: float
    reproducible: float

    @property
    def ratio(self) -> float:
        """Time in reproducible mode over time in fast mode."""
        return self.reproducible / self.fast


def feed_forward(sizes: Sequence[int] = LAYERS, seed: int = 0) -> nir.NIRGraph:
    """Alternating Affine and LIF layers; about a tenth of the neurons spike in each step."""
    random = np.random.default_rng(seed)
    nodes: dict[str, Any] = {"input": nir.Input({"input": np.array([sizes[0]])})}
    for number, (into, out) in enumerate(itertools.pairwise(sizes), 1):
        weight = random.standard_normal((out, into)) * (8.0 / np.sqrt(into))
        nodes[f"fc{number}"] = nir.Affine(weight, np.zeros(out))
        one = np.ones(out)
        nodes[f"lif{number}"] = nir.LIF(tau=0.02 * one, r=4 * one, v_leak=0 * one, v_threshold=one)
    nodes["output"] = nir.Output({"output": np.array([sizes[-1]])})
    return nir.NIRGraph(nodes, list(itertools.pairwise(nodes)), type_check=False)


def bench(
    backends: Sequence[str], batches: Sequence[int], steps: int, repeats: int, dtype: str
) -> Iterator[Timing]:
    """Measure; yields one `Timing` per backend, batch and kind of input.

    Arguments:
        batches: batch sizes.
        steps: length of a run.
        repeats: measured runs; the median counts.
    """
    graph = feed_forward()
    random = np.random.default_rng(1)
    for batch in batches:
        shape = (steps, batch, LAYERS[0])
        kinds = {
            "spikes": (random.random(shape) < 0.05).astype(dtype),
            "real values": (0.2 * random.standard_normal(shape)).astype(dtype),
        }
        for name in backends:
            for kind, xs in kinds.items():
                prepare = partial(find_backend(name).prepare, graph, D, dtype)
                modes = prepare(reproducible=False), prepare(reproducible=True)
                yield Timing(name, batch, kind, *(_seconds(run, xs, repeats) for run in modes))


def _seconds(run: Callable[..., Any], xs: np.ndarray, repeats: int) -> float:
    run(xs)  # compiles, and fills caches
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run(xs)
        times.append(time.perf_counter() - start)
    return statistics.median(times)
