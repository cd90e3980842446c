"""A batch of inputs in a process of its own, which may die."""

from __future__ import annotations

import faulthandler
import json
import mmap
import os
import resource
import signal
import struct
import sys
import time
import traceback
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path

from support.fuzzing.one_input import KINDS, emptied, one_input
from support.fuzzing.outcome import ACCEPTED, REFUSED

__all__ = ["FAILED", "Batch", "Failure", "Found"]

CPU_SECONDS = 5
"""Of one input. The kernel ends a process that takes more, wherever it is."""
WALL_SECONDS = 120
"""For an input that waits for something, on a busy machine."""
EXTRA_BYTES = 2**30
"""Memory that an input may ask for."""
RESIDENT_BYTES = 2**29
"""Memory that an input may use. HDF5 hides a lack of memory in an error of its own."""


FAILED = "failed"
OUTCOMES = (ACCEPTED, REFUSED, FAILED)


@dataclass(frozen=True)
class Failure:
    """An input that is neither accepted nor refused."""

    kind: str
    seed: int
    what: str
    trace: str = ""


@dataclass
class Found:
    """What became of the inputs of one kind."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    slowest: tuple[float, int] = (0.0, -1)
    """Seconds of processor time, and the seed."""
    largest: tuple[int, int] = (0, -1)
    """Bytes of memory, and the seed that took them first."""
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: Found) -> None:
        """Take in what another batch found."""
        for name, count in other.counts.items():
            self.counts[name] += count
        self.slowest = max(self.slowest, other.slowest)
        self.largest = max(self.largest, other.largest)
        self.failures += other.failures

    @staticmethod
    def of_json(text: str) -> Found:
        """The opposite of `json.dumps(asdict(found))`."""
        own = json.loads(text)
        failures = [Failure(**each) for each in own["failures"]]
        return Found(own["counts"], tuple(own["slowest"]), tuple(own["largest"]), failures)


class Batch:
    """A process that uses the inputs of some seeds, one after the other.

    Arguments:
        kind: name of a kind.
        seeds: of the inputs.
        folder: for its files.
    """

    def __init__(self, kind: str, seeds: range, folder: Path):
        self.kind, self.seeds, self.folder = kind, seeds, emptied(folder)
        self._progress = mmap.mmap(-1, 16)  # shared: it is still there when the process has died
        sys.stdout.flush()
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of libraries with threads, which the child leaves alone
            self.pid = os.fork()
        if not self.pid:
            self._work()

    @property
    def seed(self) -> int:
        """The input that is in use."""
        return struct.unpack_from("q", self._progress)[0]

    def finished(self) -> bool:
        """Whether the process has ended; one that hangs is ended."""
        pid, self._status = os.waitpid(self.pid, os.WNOHANG)
        began = struct.unpack_from("d", self._progress, 8)[0]
        if not pid and began and time.monotonic() - began > WALL_SECONDS:
            os.kill(self.pid, signal.SIGKILL)
        return pid != 0

    def found(self) -> tuple[Found, int | None]:
        """What came of it, and the seed that ended the process, if one did."""
        path = self.folder / "found.json"
        found = Found.of_json(path.read_text()) if path.exists() else Found()
        return found, (None if self._status == 0 else self.seed)

    def death(self) -> str:
        """How the process ended, in words."""
        if not os.WIFSIGNALED(self._status):
            return f"the process ended with status {os.waitstatus_to_exitcode(self._status)}"
        name = signal.Signals(os.WTERMSIG(self._status)).name
        why = {"SIGPROF": f"more than {CPU_SECONDS} s", "SIGKILL": "hung, or out of memory"}
        return f"the process was ended by {name}" + (f": {why[name]}" if name in why else "")

    def _work(self) -> None:
        status = 1
        try:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            most = pages * resource.getpagesize() + EXTRA_BYTES
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
            signal.signal(signal.SIGPROF, signal.SIG_DFL)
            faulthandler.disable()  # the parent says how it ended
            found = Found()
            for seed in self.seeds:
                struct.pack_into("qd", self._progress, 0, seed, time.monotonic())
                signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
                self._use(seed, found)
            signal.setitimer(signal.ITIMER_PROF, 0)
            (self.folder / "found.json").write_text(json.dumps(asdict(found)))
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)  # nothing of the parent's is closed or flushed twice

    def _use(self, seed: int, found: Found) -> None:
        before, started = _most_memory(), time.process_time()
        what, trace = one_input(KINDS[self.kind], seed, self.folder)
        found.slowest = max(found.slowest, (time.process_time() - started, seed))
        used = _most_memory() - before
        found.largest = max(found.largest, (used, seed))
        if used > RESIDENT_BYTES and what in (ACCEPTED, REFUSED):
            what = f"{what}, but it took {used >> 20} MiB"
        known = what in (ACCEPTED, REFUSED)
        found.counts[what if known else FAILED] += 1
        if not known:
            found.failures.append(Failure(self.kind, seed, what, trace))


def _most_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
