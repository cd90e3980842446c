"""Changes of tables of text."""

from __future__ import annotations

import re
from random import Random

from support.fuzzing.byte_changes import change_bytes

__all__ = ["change_text"]

PIECES = [
    "",
    "0",
    "-1",
    "1.5",
    "nan",
    "inf",
    "-0",
    "1e400",
    "1e-400",
    "9" * 30,
    "9223372036854775807",
]
PIECES += [
    "1e18",
    "2147483648",
    "x",
    '"',
    '""',
    ";",
    ",",
    "\n",
    "\r",
    "\0",
    "\ufeff",
    "é",
    "1_0",
    "0x1",
]
PIECES += ["٣", " ", "{", "}", "[", "null", "true", "step", "t", "t_ms", "neuron", "index", "value"]
PIECES += ["x", "y", "p", "sample", "node", "li", "sub/lif", "lif.v", "a" * 5000, "[" * 3000, "1;2"]
BETWEEN = re.compile(r"([,;:\n\"])")


def change_text(data: bytes, rng: Random) -> bytes:
    """Cells and rows that are exchanged, doubled or replaced; at times also bytes."""
    pieces = BETWEEN.split(data.decode("utf-8", "replace"))
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        place = rng.randrange(len(pieces))
        kind = rng.randrange(4)
        if kind < 2:
            pieces[place] = rng.choice(PIECES)
        elif kind == 2:
            pieces.insert(place, rng.choice((*PIECES, *pieces)))
        else:
            other = rng.randrange(len(pieces))
            pieces[place : place + rng.randint(0, 6)] = pieces[other : other + rng.randint(0, 9)]
        pieces = pieces or [""]
    changed = "".join(pieces).encode("utf-8", "surrogatepass")
    return change_bytes(changed, rng) if rng.random() < 0.2 else changed
