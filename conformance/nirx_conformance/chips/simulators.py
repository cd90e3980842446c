"""Asks the simulator of a chip: JSON in, JSON out, in a process of the chips' environment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

__all__ = ["LAVA", "XYLO", "Simulator"]

ENVIRONMENT = Path(__file__).parents[3] / ".venv-chips"
"""Python 3.10 (Lava needs it), built by `make chips`; NIRX_CHIPS names another."""

LIMIT = 300.0
"""Seconds for one request."""


class Simulator:
    """A simulator behind a script of this folder, which imports neither nirx nor nir.

    Arguments:
        script: reads a request from its input and prints the answer.
        package: what the script needs to be installed.
    """

    def __init__(self, script: str, package: str):
        self.script = Path(__file__).parent / script
        self.package = package

    @property
    def python(self) -> Path:
        """The interpreter it runs in."""
        return Path(os.environ.get("NIRX_CHIPS", ENVIRONMENT)) / "bin" / "python"

    def missing(self) -> str | None:
        """Why it cannot be asked here; None if it can."""
        if not self.python.exists():
            return f"no {self.python}; `make chips` builds it where Python 3.10 is installed"
        code = f"import importlib.util as u, sys; sys.exit(u.find_spec({self.package!r}) is None)"
        found = subprocess.run([self.python, "-c", code], env=_environment(), check=False)
        return f"{self.package} is not installed in {self.python}" if found.returncode else None

    def ask(self, request: dict[str, Any]) -> Any:
        """The simulator's answer.

        **Raises**: `RuntimeError` with the end of what it printed if it fails.
        """
        done = subprocess.run(
            [self.python, self.script],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
            env=_environment(),
        )
        if done.returncode:
            raise RuntimeError(f"{self.script.name}: exit {done.returncode}: {done.stderr[-2000:]}")
        # The simulators print lines of their own; the answer is the last one.
        return json.loads(done.stdout.splitlines()[-1])


def _environment() -> dict[str, str]:
    # The caller's PYTHONPATH leads to packages of another Python.
    return {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}


LAVA = Simulator("lava_simulator.py", "lava")
XYLO = Simulator("xylo_simulator.py", "xylosim")
