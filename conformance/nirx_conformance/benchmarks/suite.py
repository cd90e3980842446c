"""The suite: the networks of docs/performance.md, with the sizes that each is measured in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import nir

from nirx.dynamics.discretization import Discretization
from nirx_conformance.benchmarks import networks
from nirx_conformance.benchmarks.subject import Case

__all__ = ["NETWORKS", "SECONDS", "SuiteNetwork", "suite_cases"]

SECONDS = 8.0
"""Of measuring a case, after which no round begins beyond the third."""

WITHOUT_BIAS = partial(networks.feed_forward, bias=0.0)
"""For Spyx: its layers answer one step late, and a bias is not late."""

NEXT = Discretization(dt=networks.DT, reset="subtract", reset_when="next")


@dataclass(frozen=True)
class SuiteNetwork:
    """A network and what it is measured on.

    Arguments:
        build: makes the graph.
        shape: of its input.
        runs: (batch, density, train) of each case.
        steps: length of a run.
        modes: of nirx.
        memory: (batch, train) in which memory is measured.
    """

    name: str
    build: Any
    shape: tuple[int, ...]
    runs: tuple[tuple[int, float, bool], ...]
    discretization: Discretization = networks.DISCRETIZATION
    steps: int = 100
    memory: tuple[tuple[int, bool], ...] = ()
    modes: tuple[str, ...] = ("fast",)


NETWORKS = (
    SuiteNetwork(
        "700-256-256-20 LIF",
        networks.feed_forward,
        (700,),
        (
            *((batch, 0.05, False) for batch in (1, 16, 128)),
            (1, 0.01, False),
            (1, 0.2, False),
            (128, 0.01, False),
            (128, 0.2, False),
            (1, 0.05, True),
            (128, 0.05, True),
        ),
        memory=((128, True),),
        modes=("fast", "reproducible"),
    ),
    SuiteNetwork(
        "700-256-256-20 LIF without bias, subtracting in the next step",
        WITHOUT_BIAS,
        (700,),
        ((1, 0.05, False), (128, 0.05, False), (128, 0.05, True)),
        discretization=NEXT,
    ),
    SuiteNetwork(
        "128-512-20 recurrent LIF",
        networks.recurrent,
        (128,),
        ((1, 0.05, False), (128, 0.05, False), (1, 0.05, True), (128, 0.05, True)),
    ),
    SuiteNetwork(
        "12-38-7 recurrent CubaLIF",
        networks.braille,
        (12,),
        ((1, 0.05, False), (128, 0.05, False), (128, 0.05, True)),
    ),
    SuiteNetwork(
        "CNN of IF, 34x34x2 events",
        networks.images,
        (2, 34, 34),
        ((1, 0.05, False), (4, 0.05, True)),
        steps=50,
    ),
    SuiteNetwork(
        "10,000 LIF, 100 inputs",
        networks.wide,
        (100,),
        ((1, 0.05, False), (16, 0.05, False)),
    ),
    SuiteNetwork(
        "200 layers of 64 LIF",
        networks.deep,
        (64,),
        ((16, 0.05, False),),
        steps=50,
    ),
)


def suite_cases(dtype: str, device: str) -> Iterator[tuple[SuiteNetwork, Case]]:
    """Every case, with the network that it is of."""

    @cache
    def graph(build: Any) -> nir.NIRGraph:
        return build()

    for network in NETWORKS:
        for batch, density, train in network.runs:
            yield (
                network,
                Case(
                    network.name,
                    graph(network.build),
                    network.discretization,
                    network.shape,
                    batch,
                    network.steps,
                    density,
                    train=train,
                    dtype=dtype,
                    device=device,
                ),
            )
