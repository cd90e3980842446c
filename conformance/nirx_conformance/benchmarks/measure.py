"""Rounds: every subject once per round, in turn, so that a busy moment hits them all alike."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from nirx_conformance.benchmarks.agreement import agreement
from nirx_conformance.benchmarks.chain import chain_of
from nirx_conformance.benchmarks.nirx_subjects import build_nirx
from nirx_conformance.benchmarks.peers import Build, build_peer
from nirx_conformance.benchmarks.subject import CannotRunError, Case, Subject

__all__ = ["CANNOT", "FLOOR", "MEASURED", "OTHER", "Row", "Wanted", "measure", "payload"]

MEASURED, FLOOR = "measured", "floor"
OTHER, CANNOT = "computes something else", "cannot run"

LEAST_ROUNDS = 3
SETTLING = 0.15
"""Seconds for which a program runs untimed before it is timed: threads of the one before it spin on
for 0.1 s (OpenMP), and what it left in the caches is not what a user has there."""
MOST = 5
"""How much longer than `Wanted.seconds` the least rounds may take."""


@dataclass(frozen=True)
class Wanted:
    """What to measure on every case.

    Arguments:
        backends, modes: of nirx; the first mode is what the others are compared with.
        peers: names in `PEERS`, or of `own`.
        repeats: rounds.
        seconds: stop after so much time in the rounds of a case, or after five times as much where
            there were no three rounds yet.
        memory: measure peak memory too, each program in a process of its own.
        own: further peers by name.
    """

    backends: Sequence[str]
    modes: Sequence[str] = ("fast",)
    peers: Sequence[str] = ()
    repeats: int = 5
    seconds: float = float("inf")
    memory: bool = False
    own: tuple[tuple[str, Build], ...] = ()


@dataclass(frozen=True)
class Row:
    """What was found of one subject on one case.

    Arguments:
        status: `MEASURED`, `FLOOR` (no output to compare), `OTHER` or `CANNOT`.
        reason: why it was not measured.
        late: whole steps by which its output comes later than nirx's.
        diverging: share of output spikes that differ, of those it may.
        first_call: seconds of building and of the first run, which compiles.
        median: seconds of a run.
        ratio, ratio_low, ratio_high: median and quartiles, over rounds, of its time over that of
            nirx on the same framework in the same round.
        memory: peak bytes of a run, above what was there before.
    """

    name: str
    framework: str = ""
    status: str = CANNOT
    reason: str = ""
    note: str = ""
    late: int = 0
    diverging: float = 0.0
    first_call: float | None = None
    median: float | None = None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    rounds: int = 0
    memory: int | None = None


def measure(case: Case, wanted: Wanted) -> list[Row]:
    """Build all subjects, check them against nirx, and time those that agree."""
    ready: list[tuple[Row, Subject]] = []
    others: list[Row] = []
    expected: np.ndarray | None = None
    latest = 0
    for name, build in _builds(wanted):
        row, subject, found = _tried(name, build, case)
        if subject is not None and found is not None:
            if expected is None and name.startswith("nirx "):
                expected, latest = found, _latest(case)
            row = _judged(row, expected, found, latest, case)
        if subject is not None and row.status in (MEASURED, FLOOR):
            ready.append((row, subject))
        else:
            others.append(row)
    rows = _rounds(ready, wanted)
    if wanted.memory:
        from nirx_conformance.benchmarks.memory import peak_memory

        rows = [replace(row, memory=peak_memory(row.name, case)) for row in rows]
    order = [name for name, _ in _builds(wanted)]
    return sorted([*rows, *others], key=lambda row: order.index(row.name))


def payload(case: Case, rows: Sequence[Row]) -> dict[str, Any]:
    """A case and its rows, for JSON."""
    return {**case.settings, "rows": [asdict(row) for row in rows]}


def _builds(wanted: Wanted) -> list[tuple[str, Build]]:
    def nirx(backend: str, mode: str) -> Build:
        return lambda case: build_nirx(backend, mode, case)

    def peer(name: str) -> Build:
        return dict(wanted.own).get(name) or (lambda case: build_peer(name, case))

    own = [(b, m) for b in wanted.backends for m in wanted.modes]
    names = {"fast": ""}
    found = [(f"nirx {b}{names.get(m, f', {m}')}", nirx(b, m)) for b, m in own]
    return found + [(name, peer(name)) for name in wanted.peers]


def _tried(name: str, build: Build, case: Case) -> tuple[Row, Subject | None, np.ndarray | None]:
    """The row so far, the subject if it can run, and its output."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a library warns of is its own affair
            start = time.perf_counter()
            subject = build(case)
            subject.run()
            first = time.perf_counter() - start
            found = None if subject.outputs is None else subject.outputs()
    except CannotRunError as error:
        return Row(name, reason=str(error)), None, None
    except Exception as error:
        if name.startswith("nirx "):
            raise
        # Libraries fail in many ways, none of them a type of its own.
        line = (str(error).splitlines() or [""])[0]
        return Row(name, reason=f"{type(error).__name__}: {line}"), None, None
    status = FLOOR if found is None else MEASURED
    row = Row(name, subject.framework, status, note=subject.note, first_call=first)
    return row, subject, found


def _latest(case: Case) -> int:
    """The most steps by which a peer may be late: one for each layer of neurons."""
    try:
        return chain_of(case.graph, case.discretization).spiking
    except CannotRunError:
        return 0


def _judged(
    row: Row, expected: np.ndarray | None, found: np.ndarray, latest: int, case: Case
) -> Row:
    is_nirx = row.name.startswith("nirx ")
    if expected is None:
        return replace(row, status=CANNOT, reason="no backend of nirx ran, to compare it with")
    if not is_nirx and not np.any(expected):
        reason = f"the output is silent at density {case.density:g}, so nothing can be compared"
        return replace(row, status=CANNOT, reason=reason, first_call=None)
    result = agreement(expected, found, 0 if is_nirx else latest)
    if result.same:
        return replace(row, late=result.late, diverging=result.share)
    reason = f"{result.first} ({result.share:.1%} of the spikes differ)"
    return replace(row, status=OTHER, reason=reason, diverging=result.share, first_call=None)


def _rounds(ready: Sequence[tuple[Row, Subject]], wanted: Wanted) -> list[Row]:
    times: list[list[float]] = [[] for _ in ready]
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _, subject in ready:
            subject.run()  # the first run compiled; this one fills the caches
        for done in range(wanted.repeats):
            allowed = wanted.seconds if done >= LEAST_ROUNDS else MOST * wanted.seconds
            if done and time.perf_counter() - begin > allowed:
                break
            for (_, subject), own in zip(ready, times, strict=True):
                own.append(_seconds(subject.run))
    base = {
        subject.framework: own
        for (row, subject), own in reversed(list(zip(ready, times, strict=True)))
        if row.name.startswith("nirx ")
    }
    return [
        _timed(row, own, base.get(subject.framework))
        for (row, subject), own in zip(ready, times, strict=True)
    ]


def _seconds(run: Callable[[], Any]) -> float:
    """The time of a run after others of the same program."""
    settled = time.perf_counter() + SETTLING
    while True:
        start = time.perf_counter()
        run()
        end = time.perf_counter()
        if start >= settled:
            return end - start


def _timed(row: Row, own: Sequence[float], base: Sequence[float] | None) -> Row:
    row = replace(row, median=statistics.median(own), rounds=len(own))
    if base is None:
        return row
    ratios = [a / b for a, b in zip(own, base, strict=True)]
    low, middle, high = (float(q) for q in np.quantile(ratios, (0.25, 0.5, 0.75)))
    return replace(row, ratio=middle, ratio_low=low, ratio_high=high)
