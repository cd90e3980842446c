"""The suite as files, for those who test a program without running nirx or its oracle.

    python -m nirx_conformance.store           # compare with a suite made anew; 1 if it differs
    python -m nirx_conformance.store --close   # ... other last bits (another CPU) do not count
    python -m nirx_conformance.store --write   # write it anew

The folder `stored/` holds three kinds of files. Nothing in them needs nirx or Python.

**manifest.json**: `format` (1), `semantics` (the version of docs/semantics.md), `versions` of what
wrote it, `seeds`, and `cases`: name -> an object with

- `level`, `dtype` (of the run), `tolerance`, `reason`, `source`, `types`: see `FixedCase`;
- `discretization`: every choice, see docs/semantics.md;
- `file` and `graph`: the HDF5 file and the member of graphs.tar.xz that belong to it;
- `arrays`: those of the sections below that the HDF5 file holds. All, where they are at most
  60 kB; above that inputs and outputs only, and above 1 MB none: then there are digests;
- `sha256`: section -> digest, for every section that is not empty, and for `graph`.

**graphs.tar.xz**: one `.nir` file per case, as `nirx.write` gives it (`tar xf` unpacks them). HDF5
spends kilobytes of structure on every node, alike in all files, so that one archive is a tenth of
the single files. Floating-point parameters are rounded to the case's dtype.

**<topic>.h5**: per case a group of the case's name; in it a group per section; in that the
datasets "0", "1", ... Its attribute `paths` is a JSON list: the path of each dataset in the
section's tree, itself a list of texts. A bare array has the path []. Equal arrays of a case are one
dataset with several hard links. bool is HDF5's enum of int8, FALSE = 0 and TRUE = 1; the rest is
float64, float32 (inputs and start of a float32 case) or int64. The sections:

- `inputs`: [time, *batch, *features]; path [] or [name of the Input];
- `warmup`: inputs of steps that come before; the same paths;
- `start`: the state after the warm-up, before the first step of `inputs`;
- `outputs`: [name of the Output] -> [time, *batch, *features], always float64;
- `recordings`: [key] -> the same; the key is a node's path ("sub/lif", its output), or that with
  ".v" or ".i" (its state after the step);
- `state`: after the last step; paths as in docs/semantics.md, [*batch, *features];
- `margins`: [path of a node that spikes] -> how far its v was from the nearest decision. Where a
  backend's spike differs and the margin is below tolerance * max(1, largest magnitude of the
  node's recordings), rounding decided, and nothing after that step is to be compared. A
  tolerance of 0 excuses nothing: such a case has exact numbers only.

A value passes if it is within tolerance * the largest finite magnitude of the node's recordings
(output, .v and .i); a spike has to be equal.

A **digest** is SHA-256 over: the line "nirx digest 1", then leaf by leaf, sorted by encoded path:
the path, a line feed, the line "<dtype> [<shape>]" ("float64 [20, 2, 3]"), and the little-endian
bytes in C order, -0 as 0 and every NaN as 0x7ff8000000000000 (float32: 0x7fc00000). A path is,
text by text, "k", the length in bytes, ":" and the UTF-8. That of a graph takes all datasets in
the .nir file but "version", the path being the HDF5 path's parts, a text its UTF-8 bytes as uint8
(an array of texts: those of `json.dumps(texts, ensure_ascii=False)`).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import shutil
import sys
import tarfile
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import nirx
from nirx_conformance.cases import ALL_CASES, FixedCase
from nirx_conformance.suite.expected import case_graph, case_inputs, expect

__all__ = ["STORED", "StoredCase", "compare_store", "main", "read_case", "write_store"]

STORED = Path(__file__).with_name("stored")
FORMAT = 1
GIVEN = ("inputs", "warmup")
SECTIONS = (*GIVEN, "start", "outputs", "recordings", "state", "margins")
WHOLE, AT_MOST = 60_000, 1_000_000
"""Bytes of arrays up to which a case is stored whole; up to which its outputs are."""
CLOSE = 1e-12
SEEDS = "NumPy's PCG64, seeded in nirx_conformance/cases/*.py; only raw uniforms are drawn"

Leaves = dict[tuple[str, ...], np.ndarray]


@dataclass(frozen=True)
class StoredCase:
    """A case as it lies in the files.

    Arguments:
        about: its entry of the manifest.
        graph: the bytes of its `.nir` file.
        sections: section -> tree of arrays (or a bare one); those in `about["arrays"]`.
    """

    name: str
    about: dict[str, Any]
    graph: bytes
    sections: dict[str, Any]


def read_case(name: str, folder: str | os.PathLike[str] = STORED) -> StoredCase:
    """Read one case; neither the cases' code nor the oracle is asked.

    **Raises**: `KeyError` for an unknown name.
    """
    folder = Path(folder)
    about = json.loads((folder / "manifest.json").read_text())["cases"][name]
    with tarfile.open(folder / "graphs.tar.xz") as graphs:
        return _read(name, about, folder, _member(graphs, about["graph"]))


def write_store(folder: str | os.PathLike[str] = STORED, cases: tuple[FixedCase, ...] = ALL_CASES):
    """Write all cases; the old folder is replaced when the new one is whole."""
    folder = Path(folder)
    new = Path(tempfile.mkdtemp(".part", ".stored-", folder.parent))
    try:
        entries = {}
        with tarfile.open(new / "graphs.tar.xz", "w:xz") as graphs:
            for case in cases:
                entry, graph, leaves = _made(case)
                entries[case.name] = entry
                info = tarfile.TarInfo(entry["graph"])
                info.size = len(graph)
                graphs.addfile(info, io.BytesIO(graph))
                with h5py.File(new / entry["file"], "a", libver=("v110", "v110")) as file:
                    kept = {s: leaves[s] for s in entry["arrays"]}
                    _write_leaves(file.create_group(case.name), kept)
        about = {
            "format": FORMAT,
            "semantics": nirx.SEMANTICS_VERSION,
            "versions": {"nirx": nirx.__version__, **{n: version(n) for n in ("nir", "numpy")}},
            "seeds": SEEDS,
        }
        (new / "manifest.json").write_text(_manifest_text(about, entries))
        new.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def compare_store(
    folder: str | os.PathLike[str] = STORED,
    cases: tuple[FixedCase, ...] = ALL_CASES,
    close: bool = False,
) -> dict[str, str]:
    """Compare the files with themselves and with the cases made anew.

    Arguments:
        close: expected numbers within 1e-12 of their array's largest magnitude are equal, and
            what only has a digest is not compared with the new one.

    Returns: name of a case -> what differs; empty if nothing does.
    """
    folder = Path(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    if (manifest["format"], manifest["semantics"]) != (FORMAT, nirx.SEMANTICS_VERSION):
        return {"manifest.json": "of another format or semantics version"}
    with tarfile.open(folder / "graphs.tar.xz") as archive:
        graphs = {name: _member(archive, name) for name in archive.getnames()}
    names = [case.name for case in cases]
    faults = {n: "no such case any more" for n in manifest["cases"] if n not in names}
    for case in cases:
        if case.name not in manifest["cases"]:
            faults[case.name] = "not stored"
            continue
        about = manifest["cases"][case.name]
        try:
            stored = _read(case.name, about, folder, graphs.get(about["graph"], b""))
        except (OSError, KeyError, ValueError) as error:
            faults[case.name] = f"cannot be read: {error}"
            continue
        found = _faults(stored, *_made(case), close)
        if found:
            faults[case.name] = "; ".join(found)
    return faults


def main(arguments: list[str] | None = None) -> int:
    """Compare or write. Returns: 0 if the stored suite is what it should be, else 1."""
    parser = argparse.ArgumentParser(prog="nirx_conformance.store", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the folder")
    parser.add_argument("--close", action="store_true", help="other last bits are no difference")
    parser.add_argument("--folder", type=Path, default=STORED)
    options = parser.parse_args(arguments)
    if options.write:
        write_store(options.folder)
        size = sum(p.stat().st_size for p in options.folder.iterdir())
        print(f"wrote {len(ALL_CASES)} cases, {size / 1e6:.2f} MB, to {options.folder}")
        return 0
    faults = compare_store(options.folder, close=options.close)
    for name, text in faults.items():
        print(f"{name!r}: {text}")
    print(f"{len(ALL_CASES)} cases compared, {len(faults)} differ")
    return 1 if faults else 0


def _manifest_text(about: dict[str, Any], entries: dict[str, Any]) -> str:
    """JSON with one line per case, so that a diff shows which cases changed."""
    lines = [
        f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(entry, ensure_ascii=False)}"
        for name, entry in entries.items()
    ]
    head = json.dumps(about, indent=1, ensure_ascii=False).removesuffix("\n}")
    return f'{head},\n "cases": {{\n' + ",\n".join(lines) + "\n }\n}\n"


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    return b"" if file is None else file.read()


def _read(name: str, about: dict[str, Any], folder: Path, graph: bytes) -> StoredCase:
    with h5py.File(folder / about["file"]) as file:
        group: Any = file[name]
        sections = {section: _tree(_read_leaves(group[section])) for section in about["arrays"]}
    return StoredCase(name, about, graph, sections)


def _made(case: FixedCase) -> tuple[dict[str, Any], bytes, dict[str, Leaves]]:
    """The entry, graph and arrays of a case, from its code and the oracle."""
    expected = expect(case)
    result = expected.result
    warmup = case_inputs(replace(case, inputs=case.warmup), case.dtype)
    trees = {
        "inputs": case_inputs(case, case.dtype),
        "warmup": warmup,
        "start": expected.start,
        "outputs": result.outputs,
        "recordings": result.recordings,
        "state": result.state,
        "margins": result.margins,
    }
    leaves = {name: dict(_leaves(tree)) for name, tree in trees.items()}
    leaves = {name: own for name, own in leaves.items() if own}
    graph = _graph_bytes(case)
    size = sum(array.nbytes for own in leaves.values() for array in own.values())
    kept = SECTIONS if size <= WHOLE else ("inputs", "outputs") if size <= AT_MOST else ()
    entry = {
        "level": case.own_level,
        "dtype": case.dtype,
        "tolerance": case.tolerance,
        "reason": case.reason,
        "source": case.source,
        "types": list(case.types),
        "discretization": json.loads(case.discretization.to_json()),
        "file": f"{case.topic}.h5",
        "graph": re.sub(r"[^A-Za-z0-9.]+", "-", case.name) + ".nir",
        "arrays": [name for name in leaves if name in kept],
        "sha256": {
            "graph": _graph_digest(graph),
            **{n: nirx.digest(_tree(own)) for n, own in leaves.items()},
        },
    }
    return entry, graph, leaves


def _faults(
    stored: StoredCase,
    entry: dict[str, Any],
    graph: bytes,
    leaves: dict[str, Leaves],
    close: bool,
) -> list[str]:
    about = stored.about
    found = [f"{k} differs" for k in entry if k != "sha256" and about.get(k) != entry[k]]
    own = {"graph": _graph_digest(stored.graph)}
    own |= {name: nirx.digest(tree) for name, tree in stored.sections.items()}
    for name in sorted({*about["sha256"], *entry["sha256"]}):
        said, now = about["sha256"].get(name), entry["sha256"].get(name)
        if own.get(name, said) != said:
            found.append(f"{name}: the file is not what the manifest says")
        elif said != now and not (close and name not in ("graph", *GIVEN)):
            found.append(f"{name}: made anew it differs")
        elif said != now and name in stored.sections:
            far = not _is_close(dict(_leaves(stored.sections[name])), leaves.get(name, {}))
            found += [f"{name}: made anew it differs by more than last bits"] if far else []
    return found


def _is_close(a: Leaves, b: Leaves) -> bool:
    return set(a) == set(b) and all(
        a[k].shape == b[k].shape
        and np.allclose(a[k], b[k], rtol=0, atol=CLOSE * _largest(a[k]), equal_nan=True)
        for k in a
    )


def _largest(array: np.ndarray) -> float:
    return float(np.max(np.abs(array), initial=0.0, where=np.isfinite(array)))


def _graph_bytes(case: FixedCase) -> bytes:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", nirx.NirxWarning)  # odd delays are the point of some cases
        path = Path(folder) / "graph.nir"
        nirx.write(path, case_graph(case, case.dtype))
        return path.read_bytes()


def _graph_digest(graph: bytes) -> str:
    """Of all that the file says: HDF5's own bytes depend on its version."""
    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and name != "version":
            found[name] = _numbers(item)

    with h5py.File(io.BytesIO(graph)) as file:
        file.visititems(visit)
    return nirx.digest(_tree({tuple(name.split("/")): array for name, array in found.items()}))


def _numbers(item: h5py.Dataset) -> np.ndarray:
    if h5py.check_string_dtype(item.dtype) is None:
        return np.asarray(item[()])
    texts: Any = item.asstr()[()]
    text = texts if isinstance(texts, str) else json.dumps(texts.tolist(), ensure_ascii=False)
    return np.frombuffer(text.encode(), np.uint8)


def _leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], np.ndarray]]:
    if isinstance(tree, Mapping):
        for name, below in tree.items():
            yield from _leaves(below, (*path, name))
    elif tree is not None:
        yield path, np.asarray(tree)


def _tree(leaves: Leaves) -> Any:
    """Nested dicts, or the bare array of the path ()."""
    if () in leaves:
        return leaves[()]
    tree: dict[str, Any] = {}
    for path, array in leaves.items():
        below = tree
        for name in path[:-1]:
            below = below.setdefault(name, {})
        below[path[-1]] = array
    return tree


def _write_leaves(group: h5py.Group, sections: dict[str, Leaves]) -> None:
    written: dict[Any, h5py.Dataset] = {}
    for section, leaves in sections.items():
        below = group.create_group(section)
        below.attrs["paths"] = json.dumps([list(path) for path in leaves], ensure_ascii=False)
        for number, array in enumerate(leaves.values()):
            key = (array.dtype.str, array.shape, array.tobytes())
            if key in written:
                below[str(number)] = written[key]  # a hard link
                continue
            packed = {"compression": 9, "shuffle": True} if array.nbytes > 256 else {}
            written[key] = below.create_dataset(str(number), data=array, **packed)


def _read_leaves(group: Any) -> Leaves:
    paths = json.loads(group.attrs["paths"])
    return {tuple(path): np.asarray(group[str(i)][()]) for i, path in enumerate(paths)}


if __name__ == "__main__":
    sys.exit(main())
