"""Programs that use Ray, each in a session of processes of its own that ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["LIMIT", "ray_program", "ray_run"]

LIMIT = 90.0
"""Seconds after which a program is taken to hang."""


def ray_run(script: str, *arguments: object, limit: float = LIMIT) -> str:
    """Run a script to its end. Returns: what it printed."""
    with ray_program(script, *arguments) as process:
        text, errors = process.communicate(timeout=limit)
    assert process.returncode == 0, errors[-4000:]
    return text


@contextmanager
def ray_program(
    script: str, *arguments: object, **variables: str
) -> Iterator[subprocess.Popen[str]]:
    """A script that is running. At the end, everything that it started is killed.

    Arguments:
        arguments: of the script.
        variables: of its environment, beside those of this process.
    """
    path = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path, "RAY_USAGE_STATS_ENABLED": "0"}
    environment.pop("RAY_ADDRESS", None)
    environment.update(variables)
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        _end_session(process.pid)
        process.communicate()  # and closes its pipes


def _end_session(session: int) -> None:
    """Kill every process of a session: Ray starts its own in groups of their own."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if os.getsid(int(entry.name)) == session:
                    os.kill(int(entry.name), signal.SIGKILL)
