"""Shapes: the input features of every node, found by following the edges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nirx_conformance.oracle.inlining import Edge, Path, path_text
from nirx_conformance.oracle.late_edges import successors
from nirx_conformance.oracle.node import OracleNode, Shape


def input_shapes(
    nodes: Mapping[Path, Any], kinds: Mapping[Path, type[OracleNode]], edges: list[Edge]
) -> dict[Path, Shape]:
    """The input features of every node.

    Shapes propagate from the outermost Inputs; in a cycle that none of them reaches, they start
    at a node whose own parameters determine a shape.
    """
    shapes: dict[Path, Shape] = {}
    entered = {target for _, target in edges}
    onward = successors(edges)

    def follow(work: list[Path]) -> None:
        while work:
            path = work.pop()
            given = kinds[path].output_shape(nodes[path], shapes[path])
            for target in onward.get(path, ()):
                if target not in shapes:
                    shapes[target] = given
                    work.append(target)

    declared = {path: kinds[path].declared_shape(node) for path, node in nodes.items()}

    def certainty(path: Path) -> tuple[bool, bool, int]:
        # Elementwise parameters may still broadcast, so larger ones are better evidence;
        # the shape of a Linear or a declared Input is certain.
        return path in entered, bool(kinds[path].elementwise), -math.prod(declared[path] or ())

    for path in sorted(nodes, key=certainty):
        shape = declared[path]
        if path not in shapes and shape is not None:
            shapes[path] = shape
            follow([path])
    missing = [path_text(path) for path in nodes if path not in shapes]
    if missing:
        raise ValueError(f"no shape reaches {missing}")
    return shapes
