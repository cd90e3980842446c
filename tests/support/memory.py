"""What nirx.read says of a file in little memory, in a process that may be killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["read_in_little_memory"]


def read_in_little_memory(path: Path, extra: int = 2**30) -> str:
    """ "refused", nothing if the file was read, "hangs", or the end of a traceback.

    Arguments:
        extra: bytes of address space beside what nirx takes when it is imported.
    """
    code = (
        "import resource, nirx\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        f"most = pages * resource.getpagesize() + {extra}\n"
        "resource.setrlimit(resource.RLIMIT_AS, (most, most))\n"
        f"try: nirx.read({str(path)!r})\n"
        "except nirx.NirxError: print('refused')\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=env)
    except subprocess.TimeoutExpired:
        return "hangs"
    return done.stdout.strip() or done.stderr[-500:]
