"""The runner: many cases on many backends, on one process or several."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import nirx
from nirx.errors import InputError, did_you_mean
from nirx.scaling.choose import open_engine
from nirx.scaling.engine import TaskLost, arriving
from nirx_conformance.cases import ALL_CASES, FixedCase
from nirx_conformance.cases.gradient_case import GradientCase
from nirx_conformance.cases.gradients import GRADIENT_CASES
from nirx_conformance.cases.integers import INTEGER_CASES
from nirx_conformance.programs import release_programs
from nirx_conformance.recorded import RECORDED_CASES, RecordedCase
from nirx_conformance.suite.judge import judge, judge_bits
from nirx_conformance.suite.judge_gradients import judge_gradients
from nirx_conformance.suite.judge_integers import judge_integers
from nirx_conformance.suite.judge_neurons import judge_neurons
from nirx_conformance.suite.outcome import GRADIENTS, INTEGERS, LEVELS, NEURONS, Outcome, Result
from nirx_conformance.suite.random_graphs import (
    case_named,
    gradient_case_named,
    integer_case_named,
    neuron_case_named,
)

__all__ = ["Task", "cases_of", "known_names", "level_tasks", "run_task", "run_tasks"]

T = TypeVar("T", FixedCase, GradientCase, RecordedCase)


@dataclass(frozen=True)
class Task:
    """One case on one backend, by their names.

    Arguments:
        dtype: None takes the case's own.
        bits: compare digests in place of values; gradients: compare those, in float64; integers:
            a case of that level, every number equal; neurons: a case of that level.
    """

    case: str
    backend: str
    dtype: str | None = None
    bits: bool = False
    gradients: bool = False
    integers: bool = False
    neurons: bool = False


def level_tasks(
    level: str, backends: Sequence[str], names: Sequence[str], dtype: str | None = None
) -> list[Task]:
    """The tasks of cases (by names) on backends, as a level runs them.

    **Raises**: `InputError` for a dtype that the level does not have.
    """
    gradients, integers, bits = level == GRADIENTS, level == INTEGERS, level == "reproducible"
    if gradients and dtype not in (None, "float64"):
        raise InputError(f"level {level!r} in {dtype}; gradients are compared in float64 only")
    if level == NEURONS:
        if dtype is not None:
            raise InputError(f"level {level!r} in {dtype}; a neuron runs in its recording's dtype")
        return [Task(n, backend, neurons=True) for backend in backends for n in names]
    if integers and dtype is not None:
        raise InputError(f"level {level!r} in {dtype}; integers have no dtype to choose")
    return [
        Task(n, backend, dtype, bits, gradients, integers) for backend in backends for n in names
    ]


def cases_of(
    level: str, wanted: Sequence[str] | None = None
) -> list[FixedCase] | list[GradientCase] | list[RecordedCase]:
    """The cases of a level and the levels below it.

    Arguments:
        level: one of `LEVELS`, `GRADIENTS`, `INTEGERS` or `NEURONS`.
        wanted: beginnings of names; None for all.

    **Raises**: `InputError`.
    """
    known = (*LEVELS, GRADIENTS, INTEGERS, NEURONS)
    if level not in known:
        raise InputError(f"level {level!r}; {did_you_mean(level, known)}")
    if level == GRADIENTS:
        return _wanted(list(GRADIENT_CASES), GRADIENT_CASES, wanted)
    if level == INTEGERS:
        return _wanted(list(INTEGER_CASES), INTEGER_CASES, wanted)
    if level == NEURONS:
        return _wanted(list(RECORDED_CASES), RECORDED_CASES, wanted)
    allowed = LEVELS[: LEVELS.index(level) + 1]
    return _wanted([c for c in ALL_CASES if c.own_level in allowed], ALL_CASES, wanted)


def known_names(level: str) -> list[str]:
    """Names that an xfail file of this level may contain."""
    own = {GRADIENTS: GRADIENT_CASES, INTEGERS: INTEGER_CASES, NEURONS: RECORDED_CASES}
    return [c.name for c in own.get(level, ALL_CASES)]


def _wanted(cases: list[T], every: Sequence[T], wanted: Sequence[str] | None) -> list[T]:
    if wanted is None:
        return cases
    for start in wanted:
        if not any(c.name.startswith(start) for c in every):
            names = [c.name for c in every]
            raise InputError(f"no case name begins with {start!r}; {did_you_mean(start, names)}")
    return [c for c in cases if c.name.startswith(tuple(wanted))]


def _case_of(task: Task) -> FixedCase | GradientCase | RecordedCase:
    if task.gradients:
        return gradient_case_named(task.case)
    if task.neurons:
        return neuron_case_named(task.case)
    return (integer_case_named if task.integers else case_named)(task.case)


def run_task(task: Task) -> Result:
    """Run one task in this process."""
    case = _case_of(task)
    try:
        backend = nirx.find_backend(task.backend)
    except nirx.UnsupportedError as error:  # its library is not installed
        return Result(case.name, task.backend, Outcome.NOT_RUN, case.types, 0.0, str(error))
    if isinstance(case, GradientCase):
        found = judge_gradients(case, backend)
    elif isinstance(case, RecordedCase):
        found = judge_neurons(case, backend)
    elif task.integers:
        found = judge_integers(case, backend)
    else:
        found = (judge_bits if task.bits else judge)(case, backend, task.dtype)
    release_programs()
    return replace(found, backend=task.backend)


def run_tasks(
    tasks: Sequence[Task],
    jobs: int = 1,
    xfail: dict[str, str] | None = None,
    advance: Callable[[Result], Any] = lambda result: None,
    engine: str | None = None,
) -> list[Result]:
    """Run all tasks.

    Arguments:
        jobs: number of processes; with 1, everything runs in this one.
        xfail: case name -> reason.
        advance: called with each result as it arrives.
        engine: what runs the tasks instead: `"ray"`, a task per case on a cluster.

    Returns: the results in the order of the tasks, whatever the number of jobs.
    """
    results: dict[int, Result] = {}
    found = _results(tasks, jobs) if engine is None else _engine_results(tasks, engine)
    for index, result in found:
        results[index] = result.expected_to_fail((xfail or {}).get(result.case))
        advance(results[index])
    return [results[index] for index in range(len(tasks))]


def _results(tasks: Sequence[Task], jobs: int) -> Iterator[tuple[int, Result]]:
    if jobs <= 1:
        for index, task in enumerate(tasks):
            yield index, run_task(task)
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the processes already share the cores
    context = multiprocessing.get_context("spawn")  # torch and JAX do not survive a fork
    before = multiprocessing.active_children()
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_ignore_ctrl_c) as pool:
        try:
            waiting = {pool.submit(run_task, task): i for i, task in enumerate(tasks)}
            for future in as_completed(waiting):
                yield waiting[future], _result_of(future, tasks[waiting[future]])
        except BaseException:  # the pool would wait until every case is done
            for child in multiprocessing.active_children():
                if child not in before:
                    child.terminate()
            raise


def _engine_results(tasks: Sequence[Task], name: str) -> Iterator[tuple[int, Result]]:
    with open_engine(name) as engine:
        for index, result in arriving(engine, run_task, enumerate(tasks)):
            yield index, _lost(tasks[index]) if isinstance(result, TaskLost) else result


def _result_of(future: Future[Result], task: Task) -> Result:
    try:
        return future.result()
    except BrokenProcessPool:
        return _lost(task, " (in this case or one that ran at the same time)")


def _lost(task: Task, more: str = "") -> Result:
    return Result(task.case, task.backend, Outcome.ERROR, message=f"the process died{more}")


def _ignore_ctrl_c() -> None:
    """A terminal sends Ctrl-C to all processes; the first one ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
