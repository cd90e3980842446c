"""`Bridge`: what nirx knows of a library, and how one is found by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

import nir
import numpy as np

from nirx.basics.type_map import TypeMap
from nirx.errors import InputError, UnsupportedError, did_you_mean

__all__ = ["Bridge", "Outputs", "bridge_names", "find_bridge", "guess_bridge"]

ENTRY_POINTS = "nirx.bridges"

Outputs = Mapping[str, np.ndarray]
"""What nodes gave: name of the node -> [time, *batch, *features]."""


@dataclass(frozen=True)
class Bridge:
    """Both ways between NIR and one library.

    Arguments:
        name: of the entry point in the group `nirx.bridges`.
        library: the package that its models' types come from.
        backend: of nirx, on which networks of its modules run: `"torch"` or `"jax"`.
        node_map: NIR type -> function from a node (and its `rule` and the run's `dtype`) to a
            module. What it lacks, nirx runs itself.
        module_map: module type -> function from a module to a NIR node.
        export: (model, input_shape) -> graph; input_shape is of one sample, or None.
        run: (model, xs, dtype) -> `Outputs` of the model itself, run its library's way on xs
            [time, batch, *features] from a fresh state. The model is left as it is.
        dtypes: that the library runs in.
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
    try:
        return found[0].load()
    except ImportError as error:
        how = f"; pip install {INSTALL[name]}" if name in INSTALL else ""
        raise UnsupportedError(
            f"bridge {name!r}: its library is not installed, or not whole ({error}){how}"
        ) from error


INSTALL = {
    "torch": '"nirx[torch]"',
    "jax": '"nirx[jax]"',
    "norse": "norse",
    "snntorch": "snntorch nirtorch",
    "sinabs": "pbr && pip install --no-deps sinabs",
    "spikingjelly": "spikingjelly",
    "rockpool": "rockpool",
    "rockpool-jax": '"rockpool[jax]"',
    "spyx": "spyx",
    "slax": "slax",
    "brainpy": "brainpy brainstate",
}
"""What pip is told, with torch or JAX there; tests/libraries/requirements.txt has versions."""


def guess_bridge(model: Any) -> str:
    """The name of the bridge that a model belongs to, by the packages its parts come from.

    **Raises**: `InputError` for a model of several libraries, or of none.
    """
    packages = _packages(model)
    found = [name for name in bridge_names() if name not in PLAIN and _fits(name, packages)]
    found = found or [
        name for name, package in (PLAIN | BY_FRAMEWORK).items() if package in packages
    ]
    if len(found) == 1:
        return found[0]
    if isinstance(model, type):
        raise InputError(f"the model is the class {model.__name__}; expected a model made of it")
    if found:
        raise InputError(
            f"the model has parts of {' and '.join(found)}; say which is meant by source= (--from)"
        )
    raise InputError(
        f"the model is a {type(model).__name__}, which is of no library that nirx knows; expected "
        f"a model of one of {', '.join(bridge_names())} (source=, --from), or a NIR graph"
    )


PLAIN = {"torch": "torch", "jax": "equinox"}
"""Bridges of models without a neuron library, and the package that such a model comes from."""

BY_FRAMEWORK = {"slax": "flax.linen"}
"""Bridges of models whose framework makes their parts only when they are called, so that these
cannot be looked at: the one bridge for models of that framework."""


def _fits(name: str, packages: Mapping[str, None]) -> bool:
    package, _, backend = name.partition("-")  # "rockpool" is torch's, "rockpool-jax" JAX's
    twin = backend == "jax" or f"{package}-jax" in bridge_names()
    return package in packages and (not twin or (backend == "jax") == ("torch" not in packages))


def _packages(model: Any) -> dict[str, None]:
    """The packages that a model's type and those of its parts come from, bases included, and the
    packages in these."""
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
            found |= {".".join(names[:length]): None for length in (1, 2)}
        if isinstance(part, Mapping):
            work += list(part.values())
        elif isinstance(part, list | tuple):
            work += list(part)
        elif callable(part) and hasattr(part, "__dict__"):
            work += list(vars(part).values())
    return found
