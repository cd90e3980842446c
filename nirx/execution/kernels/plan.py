"""Which nodes run in fused kernels, and why the others do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from nirx.dynamics.conv import Convolution
from nirx.dynamics.expression import NotElementwise
from nirx.dynamics.linear import Linear
from nirx.errors import InputError, UnsupportedError, did_you_mean
from nirx.execution.kernels.compiled import numba_is_installed
from nirx.execution.kernels.loop import Loop, loop_of
from nirx.execution.kernels.scan import traced
from nirx.execution.kernels.trace import TracedStep
from nirx.graphs.schedule import Schedule, ScheduledNode, Segment

__all__ = ["EXECUTIONS", "Choice", "Execution", "Plan", "make_plan", "require_execution"]

Execution = Literal["auto", "fused", "plain"]
"""How a network runs: "auto" and "fused" use kernels wherever one exists ("fused" also for short
runs, and requires numba); "plain" uses none."""
EXECUTIONS: tuple[str, ...] = get_args(Execution)

INSTALL = "pip install nirx[fast]"
DTYPES = ("float32", "float64")

FEWEST_STEPS, FEWEST_UPDATES = 32, 2**15
"""A shorter chunk that updates fewer elements is not worth loading a kernel for ("auto")."""


@dataclass(frozen=True)
class Choice:
    """How one node runs.

    Arguments:
        how: "fused" (one loop over time), "loop" (a cyclic component in one kernel), "gathered"
            (rows or taps of the weight where spikes are rare, a dense product or convolution where
            they are not) or "plain".
        why: of a plain node that one might expect to be fused; else empty.
    """

    how: Literal["fused", "loop", "gathered", "plain"]
    why: str = ""


@dataclass(frozen=True)
class Plan:
    """How the nodes of a schedule run.

    Arguments:
        choices: by position.
        loops: by the first position of a cyclic component.
        eager: whether kernels also run where they may not be worth it.
        mode: dtype, reproducible, detach_reset.
    """

    choices: tuple[Choice, ...]
    loops: Mapping[int, Loop]
    eager: bool
    mode: tuple[str, bool, bool]

    @property
    def has_kernels(self) -> bool:
        """Whether any node runs in a kernel."""
        return any(c.how != "plain" for c in self.choices)

    @property
    def gathers(self) -> bool:
        """Whether products look for rare spikes."""
        return any(c.how in ("gathered", "loop") for c in self.choices)

    def is_worth_it(self, steps: int, updates: int) -> bool:
        """Whether a chunk is long or large enough for a kernel."""
        return self.eager or steps >= FEWEST_STEPS or updates >= FEWEST_UPDATES


def require_execution(execution: str) -> None:
    """Check an `execution` argument.

    **Raises**: `InputError`; `UnsupportedError` for "fused" without numba.
    """
    if execution not in EXECUTIONS:
        hint = did_you_mean(str(execution), EXECUTIONS)
        raise InputError(f"execution={execution!r}; {hint}")
    if execution == "fused" and not numba_is_installed():
        raise UnsupportedError(f'execution="fused" needs numba; {INSTALL}')


@lru_cache(maxsize=256)
def make_plan(
    schedule: Schedule,
    execution: str,
    dtype: str,
    reproducible: bool,
    detach_reset: bool = False,
) -> Plan:
    """Choose for every node of a schedule.

    Arguments:
        execution: checked by `require_execution`.
        dtype: of the run.
        detach_reset: whether gradients stop at the reset.
    """
    general = ""
    if execution == "plain":
        general = 'execution="plain"'
    elif not numba_is_installed():
        general = f"numba is not installed ({INSTALL})"
    elif dtype not in DTYPES:
        general = f"kernels run in {' or '.join(DTYPES)}"
    mode = dtype, reproducible, detach_reset
    choices = [_choice(node, general, mode) for node in schedule.nodes]
    loops = {}
    for segment in schedule.segments:
        if not segment.stepwise:
            continue
        inside = range(segment.start, segment.stop)
        found = general or _loop(schedule, segment, mode)
        if isinstance(found, str):
            choice = Choice("plain", found)
        else:
            choice, loops[segment.start] = Choice("loop"), found
        for position in inside:
            choices[position] = choice
    return Plan(tuple(choices), loops, execution == "fused", mode)


def _loop(schedule: Schedule, segment: Segment, mode: tuple[str, bool, bool]) -> Loop | str:
    """The kernel of a cyclic component, or why there is none."""

    def step(place: ScheduledNode) -> TracedStep:
        assert place.dynamics is not None, "checked by loop_of"
        return traced(place.dynamics, *mode)

    try:
        return loop_of(schedule, segment, step, *mode[:2])
    except NotElementwise as error:
        return str(error)


def _choice(node: ScheduledNode, obstacle: str, mode: tuple[str, bool, bool]) -> Choice:
    """How a node outside of cycles runs."""
    dynamics = node.dynamics
    if dynamics is None:
        return Choice("plain", "a module of node_map runs it")
    if isinstance(dynamics, Linear | Convolution):
        if not obstacle and not dynamics.plain_product:
            obstacle = "its product is rounded"
        return Choice("plain", obstacle) if obstacle else Choice("gathered")
    if not (dynamics.neuron or dynamics.state_shapes()):
        return Choice("plain")
    if obstacle:
        return Choice("plain", obstacle)
    try:
        traced(dynamics, *mode)
    except NotElementwise as error:
        return Choice("plain", str(error))
    return Choice("fused")
