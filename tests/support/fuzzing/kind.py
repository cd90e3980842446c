"""`Kind`: one kind of input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

__all__ = ["Kind", "maker", "random_of"]


@dataclass(frozen=True)
class Kind:
    """How an input is made, and what is done with it.

    Arguments:
        name: as in `--kind`.
        make: an input from random numbers; it may write files into the folder.
        use: gives it to nirx; any exception but a `NirxError` is a failure.
    """

    name: str
    make: Callable[[Random, Path], Any]
    use: Callable[[Any], None]


def random_of(kind: str, seed: int) -> Random:
    """The random numbers of an input; the same on every machine."""
    return Random(f"{kind}:{seed}")


def maker(change: Callable[[Random], bytes], name: str) -> Callable[[Random, Path], Path]:
    """Makes files of a name with some content."""

    def make(rng: Random, folder: Path) -> Path:
        path = folder / name
        path.write_bytes(change(rng))
        return path

    return make
