"""Changes of a graph in memory: what a caller may hand over, whatever nir's annotations say."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import nir
import numpy as np

from support.fuzzing.hdf5_values import BORDERS, NUMBERS, reshaped

__all__ = ["change_graph"]

MOST_CHANGES = 3
NAMES: list[Any] = ["", "a", "input", "output", "node", "sub/in", "a.b", "é", "~1", "\0", "x" * 300]
NAMES += ["\ud800", 0, None, ("a",), b"a", "node.v", ".", "..", "/", "nodes", "type", 1.5]
STRANGE: list[Callable[[], Any]] = [
    lambda: None,
    lambda: "text",
    lambda: b"bytes",
    dict,
    lambda: {"a": {"b": np.arange(3)}},
    lambda: [1, 2.5],
    lambda: [[1, 2], [3]],
    lambda: (1, "a"),
    lambda: {1, 2},
    lambda: object(),
    lambda: np.array([None, 1], object),
    lambda: np.array("text"),
    lambda: np.array([b"a"]),
    lambda: np.zeros(2, [("a", "f4")]),
    lambda: np.array(1 + 2j),
    lambda: np.array(["2020-01-01"], "M8[D]"),
    lambda: np.float16(2),
    lambda: np.longdouble(2),
    lambda: 2**70,
    lambda: True,
    lambda: np.ma.masked_array([1.0, 2.0], [True, False]),
    lambda: np.zeros((0, 3)),
    lambda: np.broadcast_to(np.float32(1), (1000, 1000)),
    lambda: np.zeros((1,) * 33),
    lambda: datetime.date(2020, 1, 1),
    lambda: int,
    lambda: len,
    lambda: iter(()),
    lambda: np.arange(6.0, dtype="f4")[::-2],
    lambda: {1: 2},
    lambda: {"nirx": "x", "nirx_discretization": "{}"},
]

Change = Callable[[nir.NIRGraph, Random], None]


def change_graph(graph: nir.NIRGraph, rng: Random) -> nir.NIRGraph:
    """The graph itself, with one to three changes."""
    for _ in range(rng.randint(1, MOST_CHANGES)):
        with suppress(TypeError, AttributeError):  # nodes or edges may be anything by now
            rng.choice(CHANGES)(graph, rng)
    return graph


def _node(graph: Any, rng: Random) -> Any:
    """A node at any depth, or the graph itself."""
    nodes = graph.nodes.values() if isinstance(graph.nodes, dict) else ()
    own = [node for node in nodes if isinstance(node, nir.NIRNode)]
    if not own:
        return graph
    node = rng.choice(own)
    return _node(node, rng) if isinstance(node, nir.NIRGraph) and rng.random() < 0.7 else node


def _graph(graph: nir.NIRGraph, rng: Random) -> Any:
    """It, or a graph in it."""
    nodes = graph.nodes.values() if isinstance(graph.nodes, dict) else ()
    below = [node for node in nodes if isinstance(node, nir.NIRGraph)]
    return rng.choice((graph, *below))


def _fields(node: Any) -> list[str]:
    return [name for name in getattr(node, "__dict__", {}) if name not in ("nodes", "edges")]


def _numbers(graph: nir.NIRGraph, rng: Random) -> None:
    """A border in an array."""
    node = _node(graph, rng)
    for name in rng.sample(_fields(node), k=len(_fields(node))):
        found = getattr(node, name)
        if isinstance(found, np.ndarray) and found.dtype.kind in "biuf" and found.size:
            with np.errstate(all="ignore"):
                border = np.asarray(rng.choice(BORDERS)).astype(found.dtype)
            found = found.copy()
            found.reshape(-1)[rng.randrange(found.size)] = border
            setattr(node, name, found)
            return


def _otherwise(graph: nir.NIRGraph, rng: Random) -> None:
    """The same numbers in another dtype, shape or container."""
    node = _node(graph, rng)
    names = [n for n in _fields(node) if isinstance(getattr(node, n), np.ndarray)]
    if not names:
        return
    name = rng.choice(names)
    found, kind = getattr(node, name), rng.random()
    if kind < 0.4 and found.dtype.kind in "biuf":
        with np.errstate(all="ignore"):
            found = found.astype(rng.choice(NUMBERS))
    elif kind < 0.7:
        found = reshaped(found, rng)
    elif kind < 0.85:
        found = found.tolist()
    else:
        found = np.asfortranarray(found)
    setattr(node, name, found)


def _strange(graph: nir.NIRGraph, rng: Random) -> None:
    node = _node(graph, rng)
    names = _fields(node)
    if names:
        setattr(node, rng.choice(names), rng.choice(STRANGE)())


def _types(graph: nir.NIRGraph, rng: Random) -> None:
    node = _node(graph, rng)
    shape = rng.choice(((), (0,), (-1,), (3,), (2, 3), (2**40,), (1.5,), "a"))
    declared = rng.choice((np.array(shape), None, shape, rng.choice(STRANGE)()))
    port = rng.choice(("input", "output", "other", 3))
    setattr(node, rng.choice(("input_type", "output_type")), {port: declared})


def _missing(graph: nir.NIRGraph, rng: Random) -> None:
    node = _node(graph, rng)
    names = _fields(node)
    if names:
        delattr(node, rng.choice(names))


def _metadata(graph: nir.NIRGraph, rng: Random) -> None:
    owner = rng.choice((graph, _node(graph, rng)))
    value = rng.choice(STRANGE)()
    for _ in range(rng.choice((0, 0, 1, 3, 500))):
        value = {rng.choice(("a", "metadata", "nirx")): value}
    if not isinstance(getattr(owner, "metadata", None), dict) or rng.random() < 0.2:
        owner.metadata = value
    else:
        owner.metadata = {**owner.metadata, rng.choice(NAMES): value}


def _edges(graph: nir.NIRGraph, rng: Random) -> None:
    """Edges that are added, removed, doubled, cyclic, or not edges at all."""
    own = _graph(graph, rng)
    if not isinstance(own.edges, list) or rng.random() < 0.05:
        own.edges = rng.choice(STRANGE)()
        return
    edges, names = list(own.edges), [*own.nodes, *rng.sample(NAMES, 2)]
    for _ in range(rng.randint(1, 4)):
        if edges and rng.random() < 0.3:
            edges.pop(rng.randrange(len(edges)))
        edge: Any = (rng.choice(names), rng.choice(names))
        edges.append(
            edge if rng.random() < 0.95 else rng.choice((edge[:1], (*edge, "a"), None, "ab"))
        )
    own.edges = edges


def _rename(graph: nir.NIRGraph, rng: Random) -> None:
    own, name = _graph(graph, rng), rng.choice(NAMES)
    if not isinstance(own.nodes, dict) or not own.nodes:
        return
    old = rng.choice(list(own.nodes))
    own.nodes = {name if key == old else key: node for key, node in own.nodes.items()}
    if rng.random() < 0.8 and isinstance(own.edges, list):
        swap = lambda end: name if end == old else end  # noqa: E731
        own.edges = [tuple(map(swap, e)) if isinstance(e, tuple) else e for e in own.edges]


def _nodes(graph: nir.NIRGraph, rng: Random) -> None:
    """A node that is removed, shared, a graph in itself, or not a node."""
    own = _graph(graph, rng)
    if not isinstance(own.nodes, dict) or rng.random() < 0.05:
        own.nodes = rng.choice(STRANGE)()
        return
    name, kind = rng.choice((*own.nodes, "new")), rng.random()
    if kind < 0.2:
        own.nodes.pop(name, None)
    elif kind < 0.4:
        own.nodes[name] = _node(graph, rng)
    elif kind < 0.5:
        own.nodes[name] = rng.choice((graph, own))
    elif kind < 0.8:
        inner = nir.NIRGraph({}, [], type_check=False)
        inner.nodes, inner.edges = dict(own.nodes), list(own.edges)
        own.nodes[name] = inner
    else:
        own.nodes[name] = rng.choice(STRANGE)()


CHANGES: list[Change] = [_numbers, _numbers, _otherwise, _otherwise, _strange, _types, _missing]
CHANGES += [_metadata, _metadata, _edges, _edges, _rename, _nodes]
