"""`compare_store`: the files against their own manifest and against newly computed cases."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

import nirx
from nirx_conformance.cases import ALL_CASES, FixedCase
from nirx_conformance.oracle.agreement import largest
from nirx_conformance.store.computing import GIVEN, compute_case, graph_digest, rewritten
from nirx_conformance.store.leaves import leaves_of
from nirx_conformance.store.reading import STORED, StoredCase, read_graph, read_sections
from nirx_conformance.store.writing import FORMAT

__all__ = ["compare_store"]

CLOSE = 1e-12
"""Of an array's largest magnitude: how far the last bits of another CPU may be off."""


def compare_store(
    folder: str | os.PathLike[str] = STORED,
    cases: tuple[FixedCase, ...] = ALL_CASES,
    close: bool = False,
) -> dict[str, str]:
    """Compare the files with their manifest and with newly computed cases.

    Arguments:
        folder: of this version or an earlier one, whose files may have other names.
        close: accept expected numbers within 1e-12 of their array's largest magnitude; sections
            stored only as a digest are then not compared with the computed ones.

    Returns: name of a case -> what differs; empty if nothing does.
    """
    folder = Path(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    if (manifest["format"], manifest["semantics"]) != (FORMAT, nirx.SEMANTICS_VERSION):
        return {"manifest.json": "of another format or semantics version"}
    with tarfile.open(folder / "graphs.tar.xz") as archive:
        graphs = {name: read_graph(archive, name) for name in archive.getnames()}
    names = [case.name for case in cases]
    faults = {name: "there is no such case" for name in manifest["cases"] if name not in names}
    for case in cases:
        about = manifest["cases"].get(case.name)
        if about is None:
            faults[case.name] = "not stored"
            continue
        try:
            sections = read_sections(case.name, about, folder)
            stored = StoredCase(case.name, about, graphs.get(about["graph"], b""), sections)
        except (OSError, KeyError, ValueError) as error:
            faults[case.name] = f"cannot be read: {error}"
            continue
        found = _faults(stored, compute_case(case), close)
        if found:
            faults[case.name] = "; ".join(found)
    return faults


def _faults(stored: StoredCase, computed: StoredCase, close: bool) -> list[str]:
    about, new = stored.about, computed.about
    found = [f"{k} differs" for k in new if k not in ("file", "sha256") and about.get(k) != new[k]]
    own = {"graph": graph_digest(stored.graph)}
    own |= {name: nirx.digest(tree) for name, tree in stored.sections.items()}
    for name in sorted({*about["sha256"], *new["sha256"]}):
        listed, now = about["sha256"].get(name), new["sha256"].get(name)
        if own.get(name, listed) != listed:
            found.append(f"{name}: the file does not match the manifest")
        elif listed == now or (name == "graph" and graph_digest(rewritten(stored.graph)) == now):
            continue
        elif not (close and name not in ("graph", *GIVEN)):
            found.append(f"{name}: differs from the computed one")
        elif name in stored.sections:
            far = not _is_close(stored.sections[name], computed.sections.get(name))
            found += (
                [f"{name}: differs from the computed one by more than last bits"] if far else []
            )
    return found


def _is_close(tree: Any, other: Any) -> bool:
    a, b = leaves_of(tree), leaves_of(other)
    return set(a) == set(b) and all(
        a[k].shape == b[k].shape
        and np.allclose(a[k], b[k], rtol=0, atol=CLOSE * largest(a[k]), equal_nan=True)
        for k in a
    )
