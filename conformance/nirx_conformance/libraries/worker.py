"""A process that runs a library, with a time limit: some importers hang or end the process."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
import threading
from typing import Any

from nirx_conformance.libraries.judges import JUDGES
from nirx_conformance.libraries.library import Library
from nirx_conformance.libraries.rows import ROWS
from nirx_conformance.libraries.verdict import Outcome, Verdict

__all__ = ["Worker"]

STARTUP = 300.0
"""Seconds allowed for importing a library."""

ENVIRONMENT = {
    "PYTHONHASHSEED": "0",  # nirtorch adds in the order of a set
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MKL_CBWR": "COMPATIBLE",  # else sums depend on the memory alignment of arrays
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
}
"""Settings that could make two runs differ."""

SAME_FOR_ALL = threading.Lock()
"""One process starts at a time, so that no thread sees another's environment."""


class Worker:
    """Judges cells of one library; a new process takes over if one dies or hangs.

    Arguments:
        limit: seconds for one cell.
    """

    def __init__(self, library: Library, limit: float):
        self.library, self.limit = library, limit
        self.process: Any = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: Any) -> None:
        self._stop()

    def judge(self, column: str, row: str) -> Verdict:
        """Judge one cell.

        **Raises**: `RuntimeError` if the library itself cannot be imported.
        """
        if self.process is None:
            self._start()
        self.connection.send((column, row))
        if not self.connection.poll(self.limit):
            self._stop()
            return Verdict(Outcome.CRASH, f"it did not return within {self.limit:g} s")
        try:
            answer = self.connection.recv()
        except EOFError:
            process: Any = self.process
            process.join()
            code = process.exitcode
            self._stop()
            return Verdict(Outcome.CRASH, f"it ended the process with exit code {code}")
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _start(self) -> None:
        # spawn: torch and JAX do not survive a fork.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, self.library), daemon=True)
        with SAME_FOR_ALL:
            before = {name: os.environ.get(name) for name in ENVIRONMENT}
            os.environ.update(ENVIRONMENT)
            try:
                self.process.start()
            finally:
                for name, value in before.items():
                    os.environ.pop(name) if value is None else os.environ.update({name: value})
        theirs.close()
        try:
            ready = self.connection.recv() if self.connection.poll(STARTUP) else "too slow"
        except EOFError:
            ready = "the process ended"
        if ready != "ready":
            self._stop()
            raise RuntimeError(f"{self.library.name} cannot be imported: {ready}")

    def _stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.connection.close()
            self.process = None


def serve(connection: Any, library: Library) -> None:
    """The process's main loop: import the library, then judge one cell after another."""
    silence = os.open(os.devnull, os.O_WRONLY)  # importers print warnings
    for stream in (1, 2):
        os.dup2(silence, stream)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    try:
        importlib.import_module(library.packages[0])
    except Exception as error:
        connection.send(f"{type(error).__name__}: {error}")
        return
    connection.send("ready")
    rows = {row.name: row for row in ROWS}
    while True:
        try:
            column, name = connection.recv()
        except EOFError:
            return
        try:
            connection.send(JUDGES[column](library, rows[name]))
        except Exception as error:
            connection.send(RuntimeError(f"{library.name}, {name}, {column}: {error!r}"))
