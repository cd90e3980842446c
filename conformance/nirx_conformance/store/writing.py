"""`write_store`: compute every case and write the folder."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py

import nirx
from nirx.errors import FileError
from nirx.files.path_lock import PathLock
from nirx_conformance.cases import ALL_CASES, FixedCase
from nirx_conformance.store.computing import compute_case
from nirx_conformance.store.leaves import leaves_of, write_sections
from nirx_conformance.store.reading import STORED

__all__ = ["FORMAT", "write_store"]

FORMAT = 1
MANIFEST = "manifest.json"
SEEDS = "NumPy's PCG64, seeded in nirx_conformance/cases/*.py; only raw uniforms are drawn"


def write_store(
    folder: str | os.PathLike[str] = STORED, cases: tuple[FixedCase, ...] = ALL_CASES
) -> None:
    """Write all cases; the old folder is replaced once the new one is complete.

    A kill between the two renames leaves the old folder under the name `.NAME.old`; the next run
    puts it back first.

    **Raises**: `FileError` while another process writes it, and for a folder of something else.
    """
    folder = Path(os.path.realpath(folder))
    new, old = (folder.with_name(f".{folder.name}{end}") for end in (".part", ".old"))
    lock = PathLock(str(folder.with_name(f".{folder.name}.lock")))
    if not lock.acquire(wait=0):
        raise FileError(f"{folder}: another run is writing it; wait for it")
    try:
        _tidy(folder, new, old)
        if folder.exists() and not (folder / MANIFEST).is_file():
            raise FileError(f"{folder} is in the way: it is not a stored suite; name another")
        new.mkdir()
        _write_cases(new, cases)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    finally:
        _tidy(folder, new, old)
        lock.release()


def _tidy(folder: Path, new: Path, old: Path) -> None:
    if old.exists() and not folder.exists():
        old.rename(folder)
    for path in (new, old):
        shutil.rmtree(path, ignore_errors=True)


def _write_cases(folder: Path, cases: tuple[FixedCase, ...]) -> None:
    entries = {}
    with tarfile.open(folder / "graphs.tar.xz", "w:xz") as graphs:
        for case in cases:
            made = compute_case(case)
            entries[case.name] = made.about
            info = tarfile.TarInfo(made.about["graph"])
            info.size = len(made.graph)
            graphs.addfile(info, io.BytesIO(made.graph))
            with h5py.File(folder / made.about["file"], "a", libver=("v110", "v110")) as file:
                kept = {name: leaves_of(made.sections[name]) for name in made.about["arrays"]}
                write_sections(file.create_group(case.name), kept)
    about = {
        "format": FORMAT,
        "semantics": nirx.SEMANTICS_VERSION,
        "versions": {"nirx": nirx.__version__, **{n: version(n) for n in ("nir", "numpy")}},
        "seeds": SEEDS,
    }
    (folder / MANIFEST).write_text(_manifest_text(about, entries))


def _manifest_text(about: dict[str, Any], entries: dict[str, Any]) -> str:
    """JSON with one line per case, so that a diff shows which cases changed."""
    lines = [
        f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(entry, ensure_ascii=False)}"
        for name, entry in entries.items()
    ]
    head = json.dumps(about, indent=1, ensure_ascii=False).removesuffix("\n}")
    return f'{head},\n "cases": {{\n' + ",\n".join(lines) + "\n }\n}\n"
