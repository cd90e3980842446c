"""`Bridge`: what nirx knows of a library; `BridgeEntry`: how the bridge is found without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from itertools import accumulate
from typing import Any

import nir
import numpy as np

from nirx.basics.type_map import TypeMap
from nirx.errors import InputError, UnsupportedError, did_you_mean

__all__ = [
    "Bridge",
    "BridgeEntry",
    "Outputs",
    "bridge_entries",
    "bridge_names",
    "find_bridge",
    "guess_bridge",
]

ENTRY_POINTS = "nirx.bridges"

Outputs = Mapping[str, np.ndarray]
"""Outputs of nodes: name of the node -> [time, *batch, *features]."""


@dataclass(frozen=True)
class Bridge:
    """Both ways between NIR and one library.

    Arguments:
        name: name of its entry point in the group `nirx.bridges`.
        library: the package that its models' types come from.
        backend: the backend of nirx that runs networks of its modules: `"torch"` or `"jax"`.
        node_map: NIR type -> function from a node (and its `rule` and the run's `dtype`) to a
            module. nirx itself runs the types that are missing here.
        module_map: module type -> function from a module to a NIR node.
        export: (model, input_shape) -> graph; input_shape is that of one sample, or None.
        run: (model, xs, dtype) -> `Outputs` of the model itself, run as its library runs it, on
            xs [time, batch, *features] from a fresh state. The model is not changed.
        dtypes: dtypes that the library can run in.
        presets: names in `nirx.PRESETS` of its neurons.
    """

    name: str
    library: str
    backend: str
    node_map: TypeMap
    module_map: TypeMap
    export: Callable[[Any, Any], nir.NIRGraph]
    run: Callable[[Any, np.ndarray, str], Outputs]
    dtypes: tuple[str, ...] = ("float32", "float64")
    presets: tuple[str, ...] = ()


@dataclass(frozen=True)
class BridgeEntry:
    """What an entry point of the group `nirx.bridges` says without importing the library.

    Arguments:
        module: the module whose `BRIDGE` is the `Bridge`; only `find_bridge` imports it.
        packages: packages or modules; a model with parts from one of them is the bridge's.
        fallback: the same, for models without parts from any bridge's `packages`.
        install: arguments of `pip install` for the library.
    """

    module: str
    packages: tuple[str, ...] = ()
    fallback: tuple[str, ...] = ()
    install: str = ""

    def load(self) -> Bridge:
        """The bridge. **Raises** `ImportError` where its library is missing."""
        return import_module(self.module).BRIDGE


def bridge_names() -> list[str]:
    """Names of all bridges, sorted; their libraries need not be installed."""
    return sorted({e.name for e in entry_points(group=ENTRY_POINTS)})


def find_bridge(name: str) -> Bridge:
    """The bridge of a name.

    **Raises**: `InputError` for an unknown name, `UnsupportedError` where its library is not
    installed.
    """
    found = [e for e in entry_points(group=ENTRY_POINTS) if e.name == name]
    if not found:
        raise InputError(f"no bridge {name!r}; {did_you_mean(str(name), bridge_names())}")
    install = ""
    try:
        entry = found[0].load()
        if not isinstance(entry, BridgeEntry):
            return entry  # an entry point may be the `Bridge` itself
        install = f"; pip install {entry.install}" if entry.install else ""
        return entry.load()
    except ImportError as error:
        raise UnsupportedError(
            f"bridge {name!r}: its library is not installed, or only in part ({error}){install}"
        ) from error


def guess_bridge(model: Any) -> str:
    """The name of the bridge that a model belongs to, by the packages its parts come from.

    **Raises**: `InputError` for a model of several libraries, or of none.
    """
    packages = _packages(model)
    entries = bridge_entries()
    found = [n for n, e in entries.items() if any(p in packages for p in e.packages)]
    found = found or [n for n, e in entries.items() if any(p in packages for p in e.fallback)]
    if len(found) == 1:
        return found[0]
    if isinstance(model, type):
        raise InputError(
            f"the model is the class {model.__name__}; expected an instance of the class"
        )
    if found:
        raise InputError(
            f"the model has parts of {' and '.join(found)}; choose one by source= (--from)"
        )
    raise InputError(
        f"the model is a {type(model).__name__}, which is of no library that nirx knows; expected "
        f"a model of one of {', '.join(bridge_names())} (source=, --from), or a NIR graph"
    )


def bridge_entries() -> dict[str, BridgeEntry]:
    """All entries by name that can be loaded: a missing framework has made no model."""
    found = {}
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        try:
            entry = point.load()
        except Exception:  # whatever the import of a broken framework raises
            continue
        if isinstance(entry, Bridge):
            entry = BridgeEntry(point.module, packages=(entry.library,))
        found[point.name] = entry
    return found


def _packages(model: Any) -> dict[str, None]:
    """The modules that a model's type, its parts' types and their bases come from, and the
    packages that these are in."""
    found: dict[str, None] = {}
    seen: set[int] = set()
    work = [model]
    while work:
        part = work.pop()
        if id(part) in seen or isinstance(part, str | bytes | int | float | np.ndarray | type):
            continue
        seen.add(id(part))
        for base in type(part).__mro__:
            names = base.__module__.split(".")
            found |= dict.fromkeys(accumulate(names, lambda package, name: f"{package}.{name}"))
        if isinstance(part, Mapping):
            work += list(part.values())
        elif isinstance(part, list | tuple):
            work += list(part)
        elif callable(part) and hasattr(part, "__dict__"):
            work += list(vars(part).values())
    return found
