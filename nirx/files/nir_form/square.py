"""Square kernels: nir computes the output of a convolution as if its width were its height.

Zeros make a kernel square, and as many zeros around the input keep the output. A file can only
state the same padding on both sides. Where the two sides need different ones, a convolution
before it appends zeros to the input: its kernel has a single 1, at the corner.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import nir
import numpy as np

from nirx.basics.paths import free_name
from nirx.dynamics.conv import conv_geometry
from nirx.dynamics.ops import Shape
from nirx.files.nir_form.hints import hint_of, with_hint

__all__ = ["insert_before", "remove_before", "restore_square", "square_form"]

BEFORE = "before"
"""In the hint of a convolution: the name of the one that pads its input."""


def square_form(new: Any, takes: Shape, hint: dict[str, Any]) -> nir.Conv2d | None:
    """Make the kernel of a Conv2d without groups square.

    Arguments:
        new: changed.
        takes: its input shape.
        hint: gets the former kernel and padding.

    Returns: the convolution that has to pad its input, if one has to.
    """
    geometry = conv_geometry(new, 2)
    kernel = np.shape(new.weight)[2:]
    former = new.padding.decode() if isinstance(new.padding, bytes) else new.padding
    if kernel[0] == kernel[1] or (isinstance(former, str) and former == "same"):
        return None
    # By how much more the kernel grows at the end than at the start.
    odd = (kernel[0] - kernel[1]) % 2
    skew = (0, 0) if not odd else (2, 1) if kernel[0] > kernel[1] else (1, 2)
    side = max(k + s for k, s in zip(kernel, skew, strict=True))
    start = [(side - k - s) // 2 for k, s in zip(kernel, skew, strict=True)]
    end = [a + s for a, s in zip(start, skew, strict=True)]
    hint["square"] = {
        "kernel": list(kernel),
        "start": start,
        "padding": former if isinstance(former, str) else np.asarray(former).tolist(),
    }
    new.weight = np.pad(new.weight, ((0, 0), (0, 0), *zip(start, end, strict=True)))
    grown = zip(geometry.padding, geometry.dilation, start, strict=True)
    new.padding = np.array([p + d * a for (p, _), d, a in grown])
    if not odd:
        return None
    appended = [d * s for d, s in zip(geometry.dilation, skew, strict=True)]
    hint.setdefault("input_shape", np.asarray(new.input_shape).tolist())
    new.input_shape = np.array(takes[1:]) + appended
    return _appending(takes, appended, np.asarray(new.weight).dtype)


def _appending(takes: Shape, zeros: list[int], dtype: np.dtype) -> nir.Conv2d:
    """A convolution that appends rows and columns of zeros to its input."""
    weight = np.zeros((takes[0], takes[0], 2, 2), dtype)
    weight[:, :, 1, 1] = np.eye(takes[0])
    step = np.array(zeros)
    return nir.Conv2d(takes[1:], weight, 1, step, step, 1, np.zeros(takes[0], dtype))  # type: ignore[arg-type]


def insert_before(graph: nir.NIRGraph, padding: Mapping[str, nir.Conv2d]) -> None:
    """Let convolutions of a graph read their inputs through those that pad them, by name."""
    own = {name: free_name(f"{name}.before", graph.nodes) for name in padding}
    for name, before in padding.items():
        graph.nodes[own[name]] = before
        path = hint_of(graph.nodes[name]).get("path")
        if path:  # both came out of the same subgraph
            with_hint(before, {"path": [*path[:-1], own[name]]})
        with_hint(graph.nodes[name], {BEFORE: own[name]})
    graph.edges = [(a, own.get(b, b)) for a, b in graph.edges]
    graph.edges += [(before, name) for name, before in own.items()]


def remove_before(graph: nir.NIRGraph) -> None:
    """Undo `insert_before`, where the inserted convolution is what `square_form` made."""
    pairs = {
        own: name
        for name, node in graph.nodes.items()
        if isinstance(node, nir.Conv2d) and isinstance(own := hint_of(node).get(BEFORE), str)
    }
    if not pairs:
        return
    into = Counter(b for _, b in graph.edges)
    out = Counter(a for a, _ in graph.edges)
    direct = set(graph.edges)
    pairs = {
        own: name
        for own, name in pairs.items()
        if own in graph.nodes
        and out[own] == into[name] == 1
        and (own, name) in direct
        and name not in pairs  # a chain was not written by nirx
        and _pads(graph.nodes[own], graph.nodes[name])
    }
    graph.edges = [(a, pairs.get(b, b)) for a, b in graph.edges if a not in pairs]
    for own, name in pairs.items():
        del graph.nodes[own]
        with_hint(graph.nodes[name], {BEFORE: None})


def _pads(before: Any, node: Any) -> bool:
    try:
        zeros = _skewed(node, hint_of(node)["square"])
        takes = (np.shape(node.weight)[1], *(np.asarray(node.input_shape) - zeros))
        made = _appending(tuple(int(n) for n in takes), zeros, np.asarray(node.weight).dtype)
        return isinstance(before, nir.Conv2d) and all(
            np.array_equal(getattr(before, k), getattr(made, k))
            for k in ("weight", "stride", "padding", "dilation", "groups", "bias")
        )
    except (TypeError, ValueError, KeyError, IndexError, AttributeError):
        return False  # a hint from elsewhere may hold anything


def _skewed(node: Any, square: Any) -> list[int]:
    """How many zeros have to be appended along each axis."""
    sides = np.shape(node.weight)[2:]
    kernels, starts = square["kernel"], square["start"]
    ends = [n - k - a for n, k, a in zip(sides, kernels, starts, strict=True)]
    dilation = conv_geometry(node, 2).dilation
    return [d * (b - a) for d, a, b in zip(dilation, starts, ends, strict=True)]


def restore_square(new: Any, square: Any) -> bool:
    """Undo `square_form`; the node is changed. False where the hint does not describe it."""
    hint = hint_of(new)
    zeros = _skewed(new, square)
    if any(zeros) and hint.get(BEFORE, "") is not None:
        return False  # the convolution that pads its input is still there
    (height, width), (top, left) = square["kernel"], square["start"]
    dense = np.asarray(new.weight)
    inside = dense[:, :, top : top + height, left : left + width]
    whole = inside.shape[2:] == (height, width) and min(top, left) >= 0
    if not whole or np.count_nonzero(inside) != np.count_nonzero(dense):
        return False
    before = conv_geometry(new, 2)
    padding = square["padding"]
    new.weight = np.ascontiguousarray(inside)
    new.padding = padding if isinstance(padding, str) else np.array(padding)
    after = conv_geometry(new, 2)
    margins = zip(before.padding, after.padding, before.dilation, (top, left), strict=True)
    return all(b == (p + d * m, q + d * m) for b, (p, q), d, m in margins)
