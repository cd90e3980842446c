"""Names of nodes: mostly plain, rarely ones that break careless code."""

from __future__ import annotations

from collections.abc import Container

from nirx_conformance.strategies.draw import Draw

ODD = (
    "self",
    "it's",
    'say "hi"',
    "naïve",
    "神経",
    "a/b",
    "~",
    "a~1b",
    "with space",
    "0",
    "feedback",
    "state",
    "weight",
    "forward",
    "class",
    "__init__",
)
DOTTED = ("v1.0", "x.y", "w.", ".hidden")
"""For plain nodes only: in an edge, a dot separates a subgraph from its port. None of them ends
in a state variable (".v"), which would make a record key ambiguous."""


def new_name(draw: Draw, kind: str, taken: Container[str], dots: bool = True) -> str:
    """A name not yet used in this graph."""
    if draw.chance(0.08):
        odd = draw.choice((*ODD, *DOTTED) if dots else ODD)
        if odd not in taken:
            return odd
    stem = kind.lower()
    number = 0
    while f"{stem}{number}" in taken:
        number += 1
    return f"{stem}{number}"
