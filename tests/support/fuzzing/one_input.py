"""One input: made, used, and judged."""

from __future__ import annotations

import shutil
from pathlib import Path

from support.fuzzing.data_kinds import DATA_KINDS
from support.fuzzing.graph_kinds import GRAPH_KINDS
from support.fuzzing.kind import Kind, random_of
from support.fuzzing.outcome import outcome

__all__ = ["KINDS", "one_input"]

KINDS: dict[str, Kind] = {kind.name: kind for kind in (*GRAPH_KINDS, *DATA_KINDS)}


def one_input(kind: Kind, seed: int, folder: Path) -> tuple[str, str]:
    """Make an input in a folder and use it; see `outcome`."""
    given = kind.make(random_of(kind.name, seed), folder)
    return outcome(kind.use, given)


def emptied(folder: Path) -> Path:
    """The folder, without what earlier inputs left."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
