"""Part files: a long run in chunks of time, each on the disk before the next begins.

The folder `REF.h5.parts` holds a manifest and one file per chunk with what was recorded in
it and the state after it. A run that was killed goes on after the last whole chunk.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nirx.errors import FileError, InputError
from nirx.files.archive import load_arrays, save_arrays, write_whole
from nirx.files.whole_file import PREFIX, SUFFIX
from nirx.references.folder_lock import lock_folder

__all__ = ["Parts"]

MANIFEST = "manifest.json"


class Parts:
    """The parts of one reference, which are this run's alone until `close`.

    Arguments:
        target: the file that they will become.
        manifest: everything that the parts depend on; another run's parts are not mixed in.
        count: number of chunks.

    **Raises**: `InputError` if the parts of a run with another manifest are there, `FileError`,
    also while another run writes them.
    """

    def __init__(self, target: Path, manifest: Mapping[str, Any], count: int):
        self.folder = target.with_name(target.name + ".parts")
        self.count = count
        text = json.dumps(manifest, sort_keys=True, indent=1)
        if self.folder.is_symlink() or (self.folder.exists() and not self.folder.is_dir()):
            raise FileError(
                f"{self.folder}: is in the way; part files go into a folder of that name"
            )
        self._lock = lock_folder(self.folder)
        try:
            self._require_same(text)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let another run have the folder."""
        self._lock.close()

    def _require_same(self, text: str) -> None:
        path = self.folder / MANIFEST
        found = path.read_bytes().decode("utf-8", "replace") if path.is_file() else None
        if found is None:
            strange = [p.name for p in sorted(self.folder.iterdir()) if not _is_half_written(p)]
            if strange:
                raise FileError(
                    f"{self.folder} is a folder that nirx did not make (it holds {strange[0]!r}); "
                    "part files would go there: move it, or write the reference elsewhere"
                )
            write_whole(path, lambda stream: stream.write(text.encode()))
            return
        if found == text:
            return
        differ = _differing(found, text)
        raise InputError(
            f"{self.folder} holds the parts of another run{differ}; finish that one, or delete "
            "the folder"
        )

    @property
    def done(self) -> int:
        """How many chunks are there, from the first on without a gap."""
        return next((n for n in range(self.count) if not self._path(n).exists()), self.count)

    def write(self, number: int, arrays: list[np.ndarray], state: Mapping[str, Any]) -> None:
        """Put one chunk on the disk: its recordings and the state after it."""
        members = {f"r{k}": array for k, array in enumerate(arrays)}
        leaves: list[list[str]] = []
        for path, leaf in _leaves(state):
            members[f"s{len(leaves)}"] = np.asarray(leaf)
            leaves.append(list(path))
        members["state"] = np.frombuffer(json.dumps(leaves).encode(), np.uint8)
        save_arrays(self._path(number), members)

    def read(self, number: int, member: int) -> np.ndarray:
        """One recording of one chunk."""
        return self._load(number, f"r{member}")

    def state_after(self, number: int) -> dict[str, Any]:
        """The state that the chunk ended with."""
        tree: dict[str, Any] = {}
        paths = json.loads(self._load(number, "state").tobytes())
        for k, path in enumerate(paths):
            branch = tree
            for name in path[:-1]:
                branch = branch.setdefault(name, {})
            branch[path[-1]] = self._load(number, f"s{k}")
        return tree

    def remove(self) -> None:
        """Delete the folder: the last chunk first and the manifest at the end.

        So a run that is killed in between leaves what any killed run leaves: the first chunks
        of a run whose manifest says which.
        """
        manifest = self.folder / MANIFEST
        with contextlib.suppress(OSError):
            for path in sorted(self.folder.iterdir(), reverse=True):
                if path != manifest:
                    path.unlink()
            manifest.unlink(missing_ok=True)
            self.folder.rmdir()

    def _path(self, number: int) -> Path:
        return self.folder / f"part-{number:06d}.npz"

    def _load(self, number: int, member: str) -> np.ndarray:
        path = self._path(number)
        try:
            found = load_arrays(path, only=member)
        except FileError as error:
            raise FileError(f"{error}; delete {path.name}, and its steps are run again") from error
        assert isinstance(found, dict)
        return found[member]


def _is_half_written(path: Path) -> bool:
    """What a run leaves that is killed before its manifest is there."""
    return path.name.startswith(PREFIX) and path.name.endswith(SUFFIX)


def _leaves(tree: Mapping[str, Any], path: tuple[str, ...] = ()) -> list[tuple[Any, Any]]:
    found = []
    for name, below in tree.items():
        own = (*path, name)
        found += _leaves(below, own) if isinstance(below, Mapping) else [(own, below)]
    return found


def _differing(found: str | None, text: str) -> str:
    try:
        a, b = json.loads(found or ""), json.loads(text)
        names = [name for name in b if a.get(name) != b[name]]
    except (ValueError, AttributeError):
        return ""
    return f" (it differs in {', '.join(names[:5])})" if names else ""
