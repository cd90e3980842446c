"""Peak memory of one run, in a process of its own: `python -m nirx_conformance.benchmarks.memory`.

What is counted is the highest resident memory during the first run, above that after the imports
and the building; compiling is a part of it.
"""

from __future__ import annotations

import json
import pickle
import resource
import subprocess
import sys
import warnings
from pathlib import Path

from nirx_conformance.benchmarks.nirx_subjects import build_nirx
from nirx_conformance.benchmarks.peers import build_peer
from nirx_conformance.benchmarks.subject import Case, Subject

__all__ = ["peak_memory"]

LONGEST = 120.0
"""Seconds after which a process is given up."""


def peak_memory(name: str, case: Case) -> int | None:
    """Bytes; None where the process failed.

    Arguments:
        name: of a row: `"nirx torch"`, `"nirx torch, reproducible"` or a peer.
    """
    command = [sys.executable, "-m", "nirx_conformance.benchmarks.memory"]
    given = pickle.dumps((name, case))
    try:
        found = subprocess.run(command, input=given, capture_output=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        return None
    lines = found.stdout.decode().splitlines()
    return int(json.loads(lines[-1])) if found.returncode == 0 and lines else None


def _build(name: str, case: Case) -> Subject:
    if not name.startswith("nirx "):
        return build_peer(name, case)
    backend, _, mode = name.removeprefix("nirx ").partition(", ")
    return build_nirx(backend, mode or "fast", case)


def _highest() -> int:
    """Highest resident memory of this process in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss also counts the process that started this one
        line = next(n for n in status.read_text().splitlines() if n.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _forget_highest() -> None:
    """Linux can start the count again; elsewhere building may hide a smaller peak of the run."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _main() -> None:
    warnings.simplefilter("ignore")
    name, case = pickle.load(sys.stdin.buffer)
    subject = _build(name, case)
    _forget_highest()
    before = _highest()
    subject.run()
    print(json.dumps(_highest() - before))


if __name__ == "__main__":
    _main()
