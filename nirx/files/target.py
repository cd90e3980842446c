"""Where a file will really be written: behind all links, and only where a file can be replaced."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nirx.errors import FileError

__all__ = ["KINDS", "Target", "check_target", "find_target"]

MOST_LINKS = 40
"""Links in a row, as on Linux."""

KERNEL = ("/proc/", "/sys/")
"""Folders whose files are not on a disk; /dev/stdout leads there too."""

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


@dataclass(frozen=True)
class Target:
    """A file to write.

    Arguments:
        path: absolute, without links.
        old: of the file that is there already, or None.
    """

    path: str
    old: os.stat_result | None

    @property
    def folder(self) -> str:
        return os.path.dirname(self.path)


def find_target(path: str, name: str | None = None) -> Target:
    """Follow the links of a path to the file that has to be replaced.

    A link stays, and the file that it leads to is written, even if it does not exist yet. Of a
    file with several hard links, only the name that was given gets the new content.

    Arguments:
        path: as the user gave it.
        name: of the file in errors. Default: the path.

    **Raises**: `FileError` for what is no file, is read-only or cannot be replaced.
    """
    name = path if name is None else name
    try:
        place, old = _follow(path, name)
    except ValueError as error:  # a NUL in the path
        raise FileError(f"{name!r}: cannot be written: {error}") from error
    except OSError as error:
        raise FileError(f"{name}: cannot be written: {error.strerror or error}") from error
    if old is not None:
        _check_old(place, old, name)
    return Target(place, old)


def check_target(path: Path | None, option: str, *sources: Any) -> Target | None:
    """Check before the work starts that a file can be written.

    Arguments:
        path: the file, or None for no file.
        option: the option that names it, for the error.
        sources: what the work reads; a path among them must not be the file itself.

    **Raises**: `FileError`.
    """
    if path is None:
        return None
    name = f"{option} {path}"
    if str(path) == "-":
        raise FileError(f"{name}: the result is a file and cannot go to stdout; name a file")
    for source in sources:
        with suppress(OSError, ValueError):  # one of them does not exist
            if isinstance(source, str | os.PathLike) and os.path.samefile(path, source):
                raise FileError(f"{name}: is also an input; give the result another name")
    target = find_target(str(path), name)
    if not os.access(target.folder, os.W_OK):
        raise FileError(f"{name}: the folder {target.folder} cannot be written to")
    return target


def _follow(path: str, name: str) -> tuple[str, os.stat_result | None]:
    place = path
    for _ in range(MOST_LINKS):
        folder, last = os.path.split(place)
        place = os.path.join(_real_folder(folder, name), last)
        if place.startswith(KERNEL):
            raise FileError(f"{name}: {place} is not a regular file; name a file on a disk")
        try:
            found = os.lstat(place)
        except FileNotFoundError:
            return place, None
        if not stat.S_ISLNK(found.st_mode):
            return place, found
        try:
            os.stat(place)  # the system refuses a link that another user planted in /tmp
        except FileNotFoundError:
            pass  # the link leads to a file that does not exist yet
        except OSError as error:
            if error.errno == errno.ELOOP:
                break
            raise
        place = os.path.join(os.path.dirname(place), os.readlink(place))
    raise FileError(f"{name}: its links lead in a circle; remove them, or write elsewhere")


def _real_folder(folder: str, name: str) -> str:
    try:
        return os.path.realpath(folder or os.curdir, strict=True)
    except (FileNotFoundError, NotADirectoryError) as error:
        found = os.path.abspath(folder)
        raise FileError(f"{name}: cannot be written: there is no folder {found}") from error


def _check_old(place: str, old: os.stat_result, name: str) -> None:
    kind = stat.S_IFMT(old.st_mode)
    if kind != stat.S_IFREG:
        found = KINDS.get(kind, "something else")
        raise FileError(f"{name}: exists and is not a regular file but {found}; name a file")
    if os.path.ismount(place):
        raise FileError(f"{name}: is a mount point, which cannot be replaced; write elsewhere")
    writable, reason = bool(old.st_mode & stat.S_IWUSR), ""
    if writable:  # as far as the mode says; root may write anything else too
        try:
            os.close(os.open(place, os.O_WRONLY))
        except OSError as error:  # a file of another user, chattr +i, a running program
            writable, reason = False, f"{error.strerror or error}, "
    if not writable:
        raise FileError(
            f"{name}: is read-only ({reason}mode {stat.S_IMODE(old.st_mode):04o}); make it "
            "writable (chmod u+w), or write elsewhere"
        )
