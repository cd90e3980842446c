"""Several Python processes at once, none of which outlives its test."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence

__all__ = ["free_port", "run_python"]


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as own:
        own.bind(("localhost", 0))
        return own.getsockname()[1]


def run_python(
    commands: Sequence[Sequence[str]], environment: Mapping[str, str], timeout: float = 240
) -> list[str]:
    """What `python <command>` prints, per command; all run side by side, and have to succeed."""
    paths = os.pathsep.join(path for path in sys.path if path)
    env = {**os.environ, "PYTHONPATH": paths, **environment}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started = []
    try:
        started += [
            subprocess.Popen([sys.executable, *command], env=env, **pipes) for command in commands
        ]
        found = [process.communicate(timeout=timeout) for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
    for process, (_, errors) in zip(started, found, strict=True):
        assert process.returncode == 0, errors[-3000:]
    return [out for out, _ in found]
