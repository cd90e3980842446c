"""`--max-memory`: a run that would take more is refused before it starts."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Annotated

from typer import Option

from nirx.cli.report import bytes_text
from nirx.errors import InputError
from nirx.execution.memory import Estimate
from nirx.files.limits import ReadLimits, limits_for
from nirx.graphs.recording import Probe, recorded_shape
from nirx.graphs.schedule import Schedule

__all__ = ["MaxMemory", "bytes_of", "numbers_of", "read_limits", "require_memory"]

MaxMemory = Annotated[
    str | None,
    Option(
        "--max-memory",
        metavar="SIZE",
        help="Refuse before the start what is estimated to take more, such as 500M or 2G, beyond "
        "the libraries and the graph themselves. `nirx info --batch` shows the estimate.",
    ),
]
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def bytes_of(text: str) -> int:
    """The bytes of a size such as 500M or 2G, in units of 1000. **Raises** `InputError`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    size = int(float(found[1]) * UNITS[found[2].upper()]) if found and text.isascii() else 0
    if size < 1:
        raise InputError(f"--max-memory {text!r}; expected a size such as 500M or 2G")
    return size


def read_limits(limit: str | None) -> ReadLimits | None:
    """What a file may cost to read within `--max-memory`. **Raises** `InputError`."""
    return None if limit is None else limits_for(bytes_of(limit))


def numbers_of(schedule: Schedule, probes: Iterable[Probe]) -> int:
    """How many numbers recordings have, for one step of one sample."""
    return sum(math.prod(recorded_shape(schedule, probe)) for probe in probes)


def require_memory(limit: str | None, advice: str, estimates: Iterable[Estimate]) -> None:
    """Refuse what would take more than `--max-memory`.

    Arguments:
        limit: the option, or None for no limit.
        advice: what makes the run smaller.
        estimates: of the runs that follow one another.

    **Raises**: `InputError`.
    """
    if limit is None:
        return
    most, needed = bytes_of(limit), max(e.total for e in estimates)
    if needed > most:
        raise InputError(
            f"about {bytes_text(needed)} of memory needed, but --max-memory is "
            f"{bytes_text(most)}; {advice}, or a larger limit"
        )
