"""Part files: a long run in chunks of time, each on the disk before the next one begins.

The folder `REF.h5.parts` holds a manifest and one file per chunk, with its recordings and the
state after it. A killed run is continued after its last complete chunk.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from nirx.errors import FileError, InputError
from nirx.files.archive import save_arrays
from nirx.files.archive_reading import Members, load_arrays
from nirx.files.whole_file import PREFIX, write_whole

__all__ = ["Parts"]

MANIFEST, LOCK = "manifest.json", "lock"


class Parts:
    """The parts of one reference; no other run can use them until `close`.

    Arguments:
        target: the file that they will become.
        manifest: everything that the parts depend on; parts of other runs are not mixed in.
        count: number of chunks.

    **Raises**: `InputError` if the folder has parts of a run with another manifest; `FileError`,
    also while another run uses the folder.
    """

    def __init__(self, target: Path, manifest: Mapping[str, Any], count: int):
        self.folder = target.with_name(target.name + ".parts")
        self.count = count
        text = json.dumps(manifest, sort_keys=True, indent=1)
        self._require_own()
        self._lock = _lock(self.folder)
        try:
            self._require_same(text)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, kind: type | None, *error: object) -> None:
        if kind is not None and not self.started:
            self.remove()  # nothing to continue; a corrected run starts here
        self.close()

    def close(self) -> None:
        """Let other runs use the folder."""
        self._lock.release()
        with suppress(OSError):  # Windows cannot remove the lock, and so the folder, before that
            self.folder.rmdir()

    def _require_own(self) -> None:
        """Refuse anything else of that name, before a lock is put into it."""
        if self.folder.is_symlink() or (self.folder.exists() and not self.folder.is_dir()):
            raise FileError(f"{self.folder}: is in the way; part files need a folder of that name")
        if (self.folder / MANIFEST).is_file():
            return
        foreign = [p.name for p in sorted(self.folder.glob("*")) if not _is_early(p)]
        if foreign:
            raise FileError(
                f"{self.folder} was not made by nirx (it holds {foreign[0]!r}), but part files "
                "need a folder of that name; move it, or write the reference elsewhere"
            )

    def _require_same(self, text: str) -> None:
        path = self.folder / MANIFEST
        if not path.is_file():
            write_whole(path, text.encode())
            return
        found = path.read_bytes().decode("utf-8", "replace")
        if found == text:
            return
        if _is_manifest(found) and not self.started:
            write_whole(path, text.encode())  # killed at its start
            return
        raise InputError(
            f"{self.folder} holds the parts of another run{_difference(found, text)}; finish "
            "that run (the same call again), delete the folder to start anew, or write to another "
            "file (out=, --out)"
        )

    @property
    def started(self) -> bool:
        """Whether there is any chunk."""
        return any(self.folder.glob("part-*.npz"))

    def has(self, number: int) -> bool:
        """Whether one chunk is there."""
        return self._path(number).exists()

    @property
    def done(self) -> int:
        """How many chunks are there, from the first on without a gap."""
        return next((n for n in range(self.count) if not self.has(n)), self.count)

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
        """Delete the folder: the last chunk first, then the manifest, then the lock.

        A run that is killed in between leaves what any killed run leaves: a manifest and the
        first chunks of its run, or none.
        """
        last = (MANIFEST, LOCK)
        with suppress(OSError):
            for path in sorted(self.folder.iterdir(), reverse=True):
                if path.name not in last:
                    path.unlink()
            for name in last:
                (self.folder / name).unlink(missing_ok=True)
            self.folder.rmdir()

    def _path(self, number: int) -> Path:
        return self.folder / f"part-{number:06d}.npz"

    def _load(self, number: int, member: str) -> np.ndarray:
        path = self._path(number)
        try:
            found = load_arrays(path)
            if isinstance(found, Members) and member in found:
                return found[member]
        except FileError as error:
            raise FileError(f"{error}; delete {path.name} to compute its steps again") from error
        raise FileError(f"{path}: has no array {member!r}; delete it to compute its steps again")


def _lock(folder: Path) -> FileLock:
    """Make a folder if needed, and lock it until the process ends or releases the lock.

    **Raises**: `FileError` if another process has the lock, or the folder cannot be made.
    """
    lock = FileLock(folder / LOCK)
    while True:
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise FileError(f"{folder}: cannot be made: {error.strerror}") from error
        try:
            lock.acquire(blocking=False)
        except Timeout as error:
            if (folder / LOCK).exists():
                raise FileError(
                    f"{folder}: another run is using it; wait for it, or write elsewhere"
                ) from error
        except FileNotFoundError:
            pass
        except (OSError, NotImplementedError):
            return lock  # a file system without locks
        else:
            return lock
        # Another run removed the folder just now: make it again.


def _is_early(path: Path) -> bool:
    """Whether a run makes this file before its first part."""
    return path.name.startswith(PREFIX) or path.name in (MANIFEST, LOCK)


def _leaves(tree: Mapping[str, Any], path: tuple[str, ...] = ()) -> list[tuple[Any, Any]]:
    found = []
    for name, below in tree.items():
        own = (*path, name)
        found += _leaves(below, own) if isinstance(below, Mapping) else [(own, below)]
    return found


def _is_manifest(text: str) -> bool:
    """Whether a text is what some run wrote, and not somebody else's file of that name."""
    try:
        return "graph_sha256" in json.loads(text)
    except (ValueError, TypeError):
        return False


def _difference(found: str, text: str) -> str:
    try:
        a, b = json.loads(found), json.loads(text)
        names = [name for name in {**b, **a} if a.get(name) != b.get(name)]
    except (ValueError, AttributeError):
        return ""
    return f" (it differs in {', '.join(names[:5])})" if names else ""
