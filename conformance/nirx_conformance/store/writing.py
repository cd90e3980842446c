"""`write_store`: compute every case and write the folder."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py

import nirx
from nirx_conformance.cases import ALL_CASES, FixedCase
from nirx_conformance.store.computing import compute_case
from nirx_conformance.store.leaves import leaves_of, write_sections
from nirx_conformance.store.reading import STORED

__all__ = ["FORMAT", "write_store"]

FORMAT = 1
SEEDS = "NumPy's PCG64, seeded in nirx_conformance/cases/*.py; only raw uniforms are drawn"


def write_store(
    folder: str | os.PathLike[str] = STORED, cases: tuple[FixedCase, ...] = ALL_CASES
) -> None:
    """Write all cases; the old folder is replaced once the new one is complete."""
    folder = Path(folder)
    new = Path(tempfile.mkdtemp(".part", ".stored-", folder.parent))
    try:
        entries = {}
        with tarfile.open(new / "graphs.tar.xz", "w:xz") as graphs:
            for case in cases:
                made = compute_case(case)
                entries[case.name] = made.about
                info = tarfile.TarInfo(made.about["graph"])
                info.size = len(made.graph)
                graphs.addfile(info, io.BytesIO(made.graph))
                with h5py.File(new / made.about["file"], "a", libver=("v110", "v110")) as file:
                    kept = {name: leaves_of(made.sections[name]) for name in made.about["arrays"]}
                    write_sections(file.create_group(case.name), kept)
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


def _manifest_text(about: dict[str, Any], entries: dict[str, Any]) -> str:
    """JSON with one line per case, so that a diff shows which cases changed."""
    lines = [
        f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(entry, ensure_ascii=False)}"
        for name, entry in entries.items()
    ]
    head = json.dumps(about, indent=1, ensure_ascii=False).removesuffix("\n}")
    return f'{head},\n "cases": {{\n' + ",\n".join(lines) + "\n }\n}\n"
