"""`nirx doctor`: what is installed, what nirx can use, and what does not fit together."""

from __future__ import annotations

import os
import platform
import tempfile
from pathlib import Path
from typing import Any

import rich.box
from rich.table import Table

import nirx
from nirx.basics.tables import cell
from nirx.bridging.bridge import bridge_entries
from nirx.cli.installed import (
    SELF,
    extras,
    fits,
    installed,
    python_fits,
    requirements,
    version_of,
)
from nirx.cli.options import Json
from nirx.cli.progress import bars
from nirx.cli.report import Report
from nirx.errors import UnsupportedError
from nirx.execution.backend import backend_names, find_backend
from nirx.execution.kernels.compiled import cache_folder
from nirx.execution.kernels.threads import thread_count

__all__ = ["doctor_command"]

BROKEN = 1
MOST_WORDS = 300
"""Characters of another package's message."""


def doctor_command(json: Json = False) -> Report:
    """Show versions, extras, devices and threads, and say what does not fit together.

    Exit status 0 if nirx can use all that is installed, 1 if something does not fit. A missing
    extra is no fault.
    """
    problems, remarks = fits()
    problems += [text for text in [python_fits()] if text]
    if SELF not in installed():
        remarks.append("nirx runs from a folder and is not installed: no limits of versions known")
    backends = _backends()
    problems += [f"backend {n}: {own['why']}" for n, own in backends.items() if own["broken"]]
    cache = _cache()
    if not cache["writable"]:
        remarks.append(
            f"{cache['folder']} cannot be written: kernels are compiled again in every process; "
            "NIRX_CACHE_DIR names another folder"
        )
    payload: dict[str, Any] = {
        "nirx": nirx.__version__,
        "semantics": nirx.SEMANTICS_VERSION,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": _versions(backends),
        "extras": {
            own.name: {"missing": list(own.missing), "install": own.install} for own in extras()
        },
        "backends": backends,
        "libraries": _libraries(),
        "processors": os.cpu_count(),
        "threads": thread_count(),
        "cache": cache,
        "problems": problems,
        "remarks": remarks,
    }
    return Report(BROKEN if problems else 0, payload, tuple(_parts(payload)), json)


def _versions(backends: dict[str, Any]) -> dict[str, str | None]:
    """nirx's requirements and those of its extras, and the packages of the backends."""
    names = [
        w.name for extra in ["", *(e.name for e in extras())] for w in requirements(SELF, extra)
    ]
    names += [package for own in backends.values() for package in own["packages"]]
    return {name: version_of(name) for name in dict.fromkeys(names)}


def _backends() -> dict[str, dict[str, Any]]:
    """Every installed backend: whether it can be used, and on what."""
    found = {}
    names = backend_names()
    with bars(len(names), "backends") as add_bar:
        advance = add_bar("doctor")
        for name in names:
            found[name] = _backend(name)
            advance(1)
    return found


def _backend(name: str) -> dict[str, Any]:
    result: dict[str, Any] = {"works": False, "broken": False, "why": "", "packages": []}
    try:
        own = find_backend(name)
        result["packages"] = list(getattr(own, "packages", ()))
        result |= getattr(own, "machine", dict)()  # devices and threads, where it has any
        result["works"] = True
    except UnsupportedError as error:  # its packages are missing, and the message says which
        result["why"] = str(error)
    except Exception as error:  # whatever a package that is broken raises
        text = str(error).strip() or type(error).__name__
        result |= {"why": f"{type(error).__name__}: {text[:MOST_WORDS]}", "broken": True}
    return result


def _libraries() -> dict[str, dict[str, Any]]:
    """The SNN libraries that nirx has bridges to."""
    found = {}
    for name, entry in bridge_entries().items():
        if entry.packages:
            version = version_of(entry.packages[0].partition(".")[0])
            found[name] = {"version": version, "install": f"pip install {entry.install}"}
    return found


def _cache() -> dict[str, Any]:
    """The folder of compiled kernels, and whether this process may write there."""
    folder = cache_folder()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return {"folder": str(folder), "writable": _may_write(there)}


def _may_write(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _parts(payload: dict[str, Any]) -> list[Any]:
    machine = _table("", "")
    for name in ("nirx", "python", "platform"):
        machine.add_row(name, cell(payload[name]))
    machine.add_row("threads", f"{payload['threads']} of {payload['processors']} processors")
    cache = payload["cache"]
    machine.add_row(
        "kernel cache", cell(cache["folder"] + " (not writable)" * (not cache["writable"]))
    )
    versions = _table("package", "version")
    for name, version in payload["versions"].items():
        versions.add_row(cell(name), cell(version or "-"))
    backends = _table("backend", "works", "devices", "threads")
    for name, own in payload["backends"].items():
        devices = ", ".join(own.get("devices", ())) or own["why"]
        backends.add_row(cell(name), _yes(own["works"]), cell(devices), str(own.get("threads", "")))
    wanted = _table("extra", "installed", "to install")
    for name, own in payload["extras"].items():
        wanted.add_row(
            cell(name), _yes(not own["missing"]), cell(own["install"] if own["missing"] else "")
        )
    libraries = _table("SNN library", "version", "to install")
    for name, own in payload["libraries"].items():
        line = "" if own["version"] else own["install"]
        libraries.add_row(cell(name), cell(own["version"] or "-"), cell(line))
    said = [f"does not fit: {text}" for text in payload["problems"]]
    said += [f"note: {text}" for text in payload["remarks"]]
    verdict = said or ["everything that is installed fits together"]
    return [machine, versions, backends, wanted, libraries, "\n".join(verdict)]


def _table(*headings: str) -> Table:
    return Table(*headings, box=rich.box.SIMPLE_HEAD, pad_edge=False, show_header=any(headings))


def _yes(value: bool) -> str:
    return "yes" if value else "no"
