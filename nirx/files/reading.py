"""`nirx.read`: read a `.nir` file into a checked `nir.NIRGraph`.

It does not use `nir.read`, so that no node is added, no duplicate edge is dropped, and grouped
and non-square convolutions have their true shapes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Literal

import h5py
import nir
import numpy as np

from nirx.basics.paths import Path, graph_name
from nirx.dynamics.node_types import NodeType, known_names, type_named
from nirx.dynamics.parameters import NodeMismatch
from nirx.dynamics.plugged_types import HOW_TO_PLUG
from nirx.errors import Fault, GraphError, InputError, did_you_mean, warn_caller
from nirx.files.hdf5_graph import DAMAGE, GraphTree, graph_tree, graph_tree_in
from nirx.files.hdf5_heap import refuse_endless
from nirx.files.limits import DEFAULT_LIMITS, ReadLimits
from nirx.files.nir_form import from_nir_form
from nirx.files.source import require_file
from nirx.files.unfinished import unreadable
from nirx.graphs.check import examine
from nirx.graphs.flatten import Unreadable, walk_graphs
from nirx.graphs.metadata import stored_discretization
from nirx.graphs.neuron_form import with_neurons
from nirx.graphs.ports import declare_ports
from nirx.graphs.repair import repair
from nirx.graphs.wrapping import wrapped

__all__ = ["Declared", "file_path", "read", "read_bytes", "read_noted"]

Declared = Literal["check", "repair"]
"""What to do with declarations that do not fit."""

OPTIONAL = {
    "v_reset": lambda values: np.zeros_like(values["v_threshold"]),
    "w_in": lambda values: np.ones_like(values["v_leak"]),
    "bias": lambda values: None,
    "input_shape": lambda values: None,
    "input_type": lambda values: None,
    "start_dim": lambda values: np.int64(1),
    "end_dim": lambda values: np.int64(-1),
    "shape": lambda values: None,
}
"""What a file may omit, and the default (as in nir 1.0.8)."""


MOST_LISTED = 100
"""Repairs that are named, each in a warning."""


def read(
    path: str | os.PathLike[str],
    *,
    declared: Declared = "check",
    limits: ReadLimits | None = None,
) -> nir.NIRGraph:
    """Read and check a `.nir` file.

    Warns with `NirxWarning` about what is legal but unusual, and about every repair.

    Arguments:
        path: the file. It is untrusted: nothing in it is executed.
        declared: "check" refuses what does not fit together; "repair" first mends what is certain,
            as `nirx.repair` does, and names every change in a warning.
        limits: what the file may cost in memory and time. Default: `ReadLimits()`.

    Returns: the graph as it is in the file, with the inferred shapes in the nodes' `input_type`
    and `output_type`. `nir.read` may add Outputs.

    **Raises**: `FileError` if it is not a readable NIR file, or exceeds a limit; `GraphError` with
    all faults; `InputError` for another choice of `declared`.

    **Source**: NIR file format of nir 1.0.8.
    """
    graph, notes, warnings = read_noted(path, declared, limits)
    for text in (*notes, *warnings):
        warn_caller(text)
    return graph


def read_noted(
    path: str | os.PathLike[str], declared: str, limits: ReadLimits | None = None
) -> tuple[nir.NIRGraph, list[str], list[str]]:
    """`read` without warnings.

    Returns: the graph; what was repaired or is declared wrongly; and the warnings that `examine`
    repeats for the graph.
    """
    if declared not in ("check", "repair"):
        hint = did_you_mean(str(declared), ("check", "repair"))
        raise InputError(f"declared={declared!r}; {hint}")
    text = file_path(path)
    return _checked(_graph(*_open(text, limits or DEFAULT_LIMITS)), text, declared)


def read_bytes(data: bytes, where: str, limits: ReadLimits | None = None) -> nir.NIRGraph:
    """`read` for the content of a file, which is never written to a disk.

    Arguments:
        where: what to call it in messages.

    **Raises**: as `read`.
    """
    tree = graph_tree_in(data, where, limits or DEFAULT_LIMITS)
    graph, notes, warnings = _checked(_graph(*tree), where, "check")
    for text in (*notes, *warnings):
        warn_caller(text)
    return graph


def _checked(
    root: nir.NIRGraph, text: str, declared: str
) -> tuple[nir.NIRGraph, list[str], list[str]]:
    """What `read_noted` returns, for a graph that is not checked yet."""
    notes: list[str] = []
    if declared == "repair":
        root, changes = repair(root)
        notes += [f"{text}: repaired {change}" for change in changes[:MOST_LISTED]]
        if len(changes) > MOST_LISTED:
            notes.append(f"{text}: repaired {len(changes) - MOST_LISTED} more nodes")
    examination = examine(root, stored_discretization(root))
    if examination.faults:
        raise GraphError(examination.faults)
    shapes = examination.shapes
    for flat, takes, gives in zip(
        examination.flat.nodes, shapes.inputs, shapes.outputs, strict=True
    ):
        flat.node.input_type = {"input": np.array(takes, np.int64)}
        flat.node.output_type = {"output": np.array(gives, np.int64)}
    for _, graph, _ in reversed(list(walk_graphs(root))):
        declare_ports(graph)
    return root, [*notes, *examination.misdeclared], examination.warnings


def _graph(tree: dict[str, Any], rename: Callable[[str], str]) -> nir.NIRGraph:
    """The graph of a file, unchecked but for its single nodes."""
    faults: list[Fault] = []
    root = _node((), tree, faults, rename)
    if not isinstance(root, nir.NIRGraph):
        if faults:
            raise GraphError(faults)
        root = wrapped(root)
    root = with_neurons(root)
    if faults:
        raise GraphError(_all_faults(root, faults))
    from_nir_form(root)
    return root


def file_path(path: Any) -> str:
    """A path as text.

    **Raises**: `InputError` if it is not a path.
    """
    try:
        return os.fsdecode(path)
    except TypeError as error:
        raise InputError(f"expected a path, got a {type(path).__name__}") from error


def _open(path: str, limits: ReadLimits) -> GraphTree:
    try:
        require_file(path)
        refuse_endless(path)
        with h5py.File(path, "r") as file:
            return graph_tree(file, path, os.path.getsize(path), limits)
    except DAMAGE as error:
        raise unreadable(path, error) from error


def _all_faults(root: nir.NIRGraph, faults: list[Fault]) -> list[Fault]:
    # `examine` repeats the faults of unreadable nodes.
    rest = examine(root, None).faults
    known = frozenset(rest)
    return [*(fault for fault in faults if fault not in known), *rest]


def _node(
    path: Path, tree: dict[str, Any], faults: list[Fault], rename: Callable[[str], str]
) -> Any:
    """Build the node of a tree and, without recursion, everything below it."""
    holder: dict[str, Any] = {}
    work: list[tuple[Path, Any, dict[str, Any], str]] = [(path, tree, holder, "root")]
    while work:
        path, tree, into, name = work.pop()
        kind = tree.get("type") if isinstance(tree, dict) else None
        if not isinstance(kind, str) or kind != "NIRGraph":
            try:
                into[name] = _leaf(tree)
            except NodeMismatch as mismatch:
                faults.append(mismatch.fault(graph_name(path)))
                into[name] = Unreadable(faults[-1])
            continue
        nodes = tree.get("nodes", {})
        edges = _edges(path, tree.get("edges", []), faults, rename)
        if not isinstance(nodes, dict):
            faults.append(Fault(graph_name(path), "nodes is not a group", "a group of nodes"))
            nodes = {}
        for extra in sorted(set(tree) - {"type", "nodes", "edges", "metadata"}):
            mend = "remove it; Inputs and Outputs belong to the nodes"
            if extra not in ("input_type", "output_type", "version"):
                faults.append(
                    Fault(graph_name(path), f"unknown entry {extra!r} in a graph", mend=mend)
                )
        graph = nir.NIRGraph({}, edges, type_check=False)
        graph.metadata = tree.get("metadata", {})  # nir's constructor drops anything but a dict
        into[name] = graph
        work += [((*path, child), nodes[child], graph.nodes, child) for child in nodes]
    root = holder["root"]
    if isinstance(root, nir.NIRGraph):
        for _, graph, _ in walk_graphs(root):
            graph.nodes = dict(sorted(graph.nodes.items()))
    return root


def _edges(
    path: Path, value: Any, faults: list[Fault], rename: Callable[[str], str]
) -> list[tuple[str, str]]:
    if isinstance(value, np.ndarray) and value.size == 0:
        return []
    good = isinstance(value, list) and all(
        isinstance(p, list) and len(p) == 2 and all(isinstance(e, str) for e in p) for p in value
    )
    if not good:
        faults.append(
            Fault(graph_name(path), "edges are not pairs of names", "an [n, 2] array of text")
        )
        return []
    return [(rename(a), rename(b)) for a, b in value]


def _leaf(tree: Any) -> Any:
    """The node of a tree.

    **Raises**: `NodeMismatch`.
    """
    kind = tree.get("type") if isinstance(tree, dict) else None
    if not isinstance(kind, str):
        raise NodeMismatch("a node without a type", "a group with a 'type'")
    entry = type_named(kind)
    if entry is None:
        known = known_names()
        expected = "one of " + ", ".join(known)
        near = did_you_mean(kind, known)
        mend = near if near.startswith("did") else HOW_TO_PLUG
        raise NodeMismatch(f"unknown node type {kind!r}", expected, mend)
    values = _fields(entry, {k: v for k, v in tree.items() if k not in ("type", "metadata")})
    # Not by nir's constructor: it requires equal shapes although parameters may broadcast, and
    # computes wrong shapes for grouped and non-square convolutions.
    node = object.__new__(entry.nir_type)
    node.metadata = tree.get("metadata", {})
    node.input_type = {"input": values.pop("shape", values.pop("input_type", None))}
    node.output_type = {"output": node.input_type["input"] if kind in ("Input", "Output") else None}
    for name, value in values.items():
        setattr(node, name, value)
    return node


def _fields(entry: NodeType, values: dict[str, Any]) -> dict[str, Any]:
    for name in values:
        if name not in entry.stored:
            raise NodeMismatch(
                f"{entry.name} has no parameter {name!r}",
                ", ".join(entry.stored),
                did_you_mean(name, entry.stored),
            )
        if isinstance(values[name], dict):
            raise NodeMismatch(f"{name} is a group", "an array")
    missing = [name for name in entry.stored if name not in values]
    for name in sorted(missing, key=OPTIONAL.__contains__):  # defaults need the other values
        try:
            values[name] = OPTIONAL[name](values)
        except (KeyError, TypeError) as error:
            raise NodeMismatch(f"{entry.name} lacks the parameter {name!r}") from error
    return values
