"""From source text to a compiled function, through numba, with a cache on disk.

A kernel's text is written to the cache folder, so that numba stores machine code beside it; the
next process loads that in milliseconds. What is compiled is the text that was just generated,
never what the folder holds.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import types
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from nirx.files.whole_file import whole_file

__all__ = ["array_type", "cache_folder", "compile_kernel", "numba_is_installed"]

FOLDER_VARIABLE = "NIRX_CACHE_DIR"

ERRORS = "numpy"
"""What numba does at a division by zero: infinity or NaN, as NumPy."""


@lru_cache(maxsize=1)
def numba_is_installed() -> bool:
    """Whether kernels can be compiled (extra `fast`)."""
    return find_spec("numba") is not None


def cache_folder() -> Path:
    """Where kernels are cached: NIRX_CACHE_DIR, else the user's cache folder."""
    own = os.environ.get(FOLDER_VARIABLE)
    if own:
        return Path(own) / "kernels"
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "nirx" / "kernels"


@lru_cache(maxsize=1024)
def compile_kernel(source: str, arguments: tuple[str, ...]) -> Callable[..., None]:
    """The function `kernel` of a source text.

    It releases the interpreter's lock, so that threads can run it side by side.

    Arguments:
        source: of `kernel` and what it needs but `np` and `njit`, which decorates functions
            that it calls.
        arguments: their types: `"uint64"`, or an array's (`array_type`).
    """
    import numba

    name = "nirx_kernel_" + hashlib.sha256(source.encode()).hexdigest()[:32]
    signature = f"void({', '.join(arguments)})"
    options = {"nogil": True, "error_model": ERRORS}  # no fastmath: every rounding stays
    path = _stored(name, source)
    function = _function(name, source, path or f"<{name}>")
    if path is not None:
        with suppress(Exception):  # a damaged cache
            return numba.njit(signature, cache=True, **options)(function)
    return numba.njit(signature, **options)(function)


def array_type(array: np.ndarray) -> str:
    """The type of a contiguous, writable array, for `compile_kernel`."""
    return _array_type(array.dtype, array.ndim)


@lru_cache(maxsize=256)
def _array_type(dtype: np.dtype, rank: int) -> str:
    return f"{dtype.name}[{', '.join([':'] * (rank - 1) + ['::1'])}]"


def _function(name: str, source: str, path: str) -> Callable[..., None]:
    """Run our own text, which was generated from a fixed table of operations."""
    import numba

    module = types.ModuleType(name)
    module.__dict__["np"] = np
    # LLVM inlines them, so that a loop over neurons is vectorized through them.
    module.__dict__["njit"] = numba.njit(error_model=ERRORS, forceinline=True)
    sys.modules[name] = module  # numba looks the module up when it loads machine code
    exec(compile(source, path, "exec"), module.__dict__)
    return module.__dict__["kernel"]


def _stored(name: str, source: str) -> str | None:
    """The path of a file with the source, or None where none can be written."""
    name = f"{name}.py"
    for folder in (cache_folder, _temporary_folder):
        try:
            path = folder() / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_ours(path.parent):
                continue
            if not (path.is_file() and path.read_text() == source):
                with whole_file(str(path)) as temporary:
                    Path(temporary).write_text(source)
            return str(path)
        except Exception:  # no home, a read-only disk: the cache is a convenience
            continue
    return None


def _is_ours(folder: Path) -> bool:
    """Whether nobody else can write to a folder: what numba keeps there is run when it is found."""
    if not hasattr(os, "getuid"):
        return True  # Windows: the user's folder is the user's own
    found = folder.stat()
    return found.st_uid == os.getuid() and not found.st_mode & 0o022


@lru_cache(maxsize=1)
def _temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="nirx-kernels-"))
