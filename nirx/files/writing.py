"""`nirx.write`: write a graph to a `.nir` file."""

from __future__ import annotations

import copy
import io
import os
from collections.abc import Callable
from typing import Any, cast

import h5py
import nir
import numpy as np

from nirx.basics.paths import Path, format_path
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.node_types import NodeType, find_type
from nirx.dynamics.ops import Shape
from nirx.errors import FileError, GraphError, shortened
from nirx.files.hdf5_small import put_small
from nirx.files.hdf5_writing import hdf5_file
from nirx.files.limits import DEFAULT_LIMITS
from nirx.files.names import MARK, MARK_VALUE, encode_name, needs_encoding
from nirx.files.nir_form import Shapes, in_nir_form
from nirx.files.reading import file_path
from nirx.files.whole_file import whole_file
from nirx.graphs.check import Examination, examine, warn_of
from nirx.graphs.flatten import walk_graphs
from nirx.graphs.metadata import DISCRETIZATION_KEY, given_or_stored
from nirx.graphs.origin import rebuild_graph
from nirx.graphs.repair import declare_port
from nirx.graphs.sameness import DERIVED

__all__ = ["file_bytes", "write"]


def write(
    path: str | os.PathLike[str],
    graph: nir.NIRGraph,
    discretization: Discretization | None = None,
    *,
    strict: bool = True,
) -> None:
    """Check a graph and write it as a `.nir` file that nir 1.0.8 reads too.

    What nir's reader would refuse is written in a form that it accepts, with a hint by which
    `nirx.read` restores the graph as it was: parameters get the full shape, a convolution loses
    its groups, parallel edges become a Scale, subgraphs with several ports are inlined.

    Arguments:
        path: the file; replaced atomically, so that a crash leaves the old one.
        graph: not changed.
        discretization: if given, stored in the file's metadata as a hint for readers.
        strict: whether to refuse a node whose form for `nir.read` would be too large (a weight of
            1 GiB without its groups); otherwise it is written for nirx alone. Nodes of registered
            types are always written; nir knows none of them.

    **Raises**: `GraphError` with all faults; `FileError` for values that HDF5 cannot store and for
    a path that cannot be written; `InputError` if `path` is not a path.

    **Source**: NIR file format of nir 1.0.8.
    """
    formed = _formed(graph, discretization, strict)
    with whole_file(file_path(path)) as temporary, hdf5_file(temporary) as file:
        _write_file(file, formed, discretization)


def file_bytes(graph: nir.NIRGraph, discretization: Discretization | None = None) -> bytes:
    """The content of the file that `write` would write, with `strict=False`.

    **Raises**: as `write`.
    """
    formed = _formed(graph, discretization, strict=False)
    stream = io.BytesIO()  # memory, unlike a disk, does not fill up
    with h5py.File(stream, "w") as file:
        _write_file(file, formed, discretization)
    return stream.getvalue()


def _formed(
    graph: nir.NIRGraph, discretization: Discretization | None, strict: bool
) -> nir.NIRGraph:
    """Check a graph; the graph to store."""
    examination = examine(graph, given_or_stored(graph, discretization))
    if examination.faults:
        raise GraphError(examination.faults)
    warn_of(examination)
    shapes = zip(examination.shapes.inputs, examination.shapes.outputs, strict=True)
    known = dict(zip((flat.path for flat in examination.flat.nodes), shapes, strict=True))
    graph = _truly_declared(graph, examination)
    formed, faults = in_nir_form(graph, cast("Shapes", known))
    if strict and faults:
        raise GraphError(faults)
    return formed


def _truly_declared(graph: nir.NIRGraph, examination: Examination) -> nir.NIRGraph:
    """The graph, or a copy in which the ports declare the shape that they receive."""
    wrong = examination.shapes.misdeclared
    if not wrong:
        return graph
    ports = {}
    for index in wrong:
        flat = examination.flat.nodes[index]
        ports[flat.path] = copy.copy(flat.node)
        declare_port(ports[flat.path], cast("Shape", examination.shapes.inputs[index]))
    return rebuild_graph(graph, ports)


def _write_file(
    file: h5py.File,
    graph: nir.NIRGraph,
    discretization: Discretization | None,
) -> None:
    graphs = list(walk_graphs(graph))
    encoded = any(needs_encoding(name) for _, g, _ in graphs for name in _names(g))
    rename = encode_name if encoded else str
    if encoded:
        file.attrs[MARK] = MARK_VALUE
    file.create_dataset("version", data=nir.version, dtype=h5py.string_dtype())
    groups: dict[Path, h5py.Group] = {(): file.create_group("node")}
    for path, current, _ in graphs:
        if 2 * len(path) + 4 > DEFAULT_LIMITS.depth:
            raise FileError(f"{shortened(format_path(path))}: nested too deeply for a file")
        group = groups.pop(path)
        metadata = dict(current.metadata or {})
        if not path and discretization is not None:
            metadata[DISCRETIZATION_KEY] = discretization.to_json()
        groups |= _write_graph(group, current, metadata, path, rename)


def _names(graph: nir.NIRGraph) -> list[str]:
    metadata = [n.metadata for n in (graph, *graph.nodes.values())]
    return [*graph.nodes, *(k for m in metadata if isinstance(m, dict) for k in _keys(m))]


def _keys(metadata: dict[str, Any]) -> list[str]:
    below = [k for v in metadata.values() if isinstance(v, dict) for k in _keys(v)]
    return [*(str(k) for k in metadata), *below]


def _write_graph(
    group: h5py.Group,
    graph: nir.NIRGraph,
    metadata: dict[str, Any],
    path: Path,
    rename: Callable[[str], str],
) -> dict[Path, h5py.Group]:
    """Write one graph with its nodes.

    Returns: the groups of its subgraphs, which are still empty.
    """
    where = format_path(path)
    below: dict[Path, h5py.Group] = {}
    _put(group, "type", "NIRGraph", where)
    edges = np.array([[rename(a), rename(b)] for a, b in graph.edges], dtype=object)
    group.create_dataset("edges", data=edges.reshape((-1, 2)), dtype=h5py.string_dtype())
    _write_metadata(group, metadata, where, rename)
    nodes = group.create_group("nodes")
    for name, node in graph.nodes.items():
        own = nodes.create_group(rename(name))
        if isinstance(node, nir.NIRGraph):
            below[*path, name] = own
            continue
        entry = find_type(type(node))
        assert entry is not None, "check accepts no unknown type"
        _write_node(own, node, entry, (*path, name), rename)
    return below


def _write_node(
    group: h5py.Group,
    node: Any,
    entry: NodeType,
    path: Path,
    rename: Callable[[str], str],
) -> None:
    where = format_path(path)
    _put(group, "type", entry.name, where)
    for name in entry.stored:
        if name in DERIVED:
            declared = node.input_type
            value = declared.get("input") if isinstance(declared, dict) else declared
        else:
            value = getattr(node, name)
        if value is not None:
            _put(group, name, value, where)
    _write_metadata(group, node.metadata or {}, where, rename)


def _write_metadata(
    group: h5py.Group, metadata: dict[str, Any], where: str, rename: Callable[[str], str]
) -> None:
    if metadata:
        below = group.create_group("metadata")
        for name, value in metadata.items():
            _put_tree(below, rename(str(name)), value, f"{where} metadata {name!r}", rename)


def _put_tree(
    group: h5py.Group, name: str, value: Any, where: str, rename: Callable[[str], str]
) -> None:
    if isinstance(value, dict):
        try:
            below = group.create_group(name)
        except ValueError as error:
            raise FileError(f"{shortened(where)}: HDF5 cannot store this name: {error}") from error
        for key, item in value.items():
            _put_tree(below, rename(str(key)), item, where, rename)
    elif isinstance(value, bytes | bytearray) or _is_opaque(value):
        try:
            _put_bytes(group, name, bytes(value))
        except (TypeError, ValueError) as error:
            raise FileError(f"{shortened(where)}: HDF5 cannot store this name: {error}") from error
    else:
        _put(group, name, value, where)


def _is_opaque(value: Any) -> bool:
    """Whether a value is how h5py, and so nir, reads bytes."""
    dtype = value.dtype if isinstance(value, np.ndarray | np.void) else None
    if dtype is None or dtype.kind != "V" or dtype.names is not None or dtype.subdtype is not None:
        return False
    return value.ndim == 0 or (value.ndim == 1 and dtype.itemsize == 1)


def _put_bytes(group: h5py.Group, name: str, value: bytes | bytearray) -> None:
    """Bytes of any length and content, in a row: HDF5's opaque type has no value of length 0."""
    group.create_dataset(name, data=np.frombuffer(value, "V1"), dtype="V1")


def _put(group: h5py.Group, name: str, value: Any, where: str) -> None:
    if np.ma.is_masked(value):
        raise FileError(f"{shortened(where)}: {shortened(name)} has masked elements; fill them")
    try:
        dtype = np.asarray(value).dtype
    except ValueError as error:
        text = f"{shortened(where)}: {shortened(name)} is a {type(value).__name__} that is no array"
        raise FileError(f"{text}: {error}; expected numbers or text") from error
    if dtype.kind not in ("biufU" if isinstance(value, str | list) else "biuf"):
        raise FileError(
            f"{shortened(where)}: {shortened(name)} is a {type(value).__name__} of dtype {dtype}; "
            "expected numbers or text (in metadata also bytes)"
        )
    try:
        if put_small(group, name, value):
            return
        if isinstance(value, str):
            group.create_dataset(name, data=value, dtype=h5py.string_dtype())
        elif isinstance(value, np.ndarray) and value.ndim and value.size:
            group.create_dataset(name, data=value, compression="gzip")
        else:
            group.create_dataset(name, data=value)
    except (TypeError, ValueError, UnicodeError) as error:
        raise FileError(
            f"{shortened(where)}: {shortened(name)} is a {type(value).__name__} that HDF5 cannot "
            f"store: {error}"
        ) from error
