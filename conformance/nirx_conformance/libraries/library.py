"""`Library`: an SNN library in the matrix, and the list of all."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from nirx.bridging.bridge import Bridge, find_bridge
from nirx_conformance.libraries import importers
from nirx_conformance.libraries.importers import Importer

__all__ = ["EVENT_BASED", "LIBRARIES", "Library", "installed"]


@dataclass(frozen=True)
class Library:
    """One library.

    Arguments:
        name: of its section, and of nirx's bridge to it.
        packages: distributions whose versions the page lists; the first is imported.
        importer: its own; None if it has none.
        dt: of its importer: fixed by the library, or passed to it.
        unit_gain: whether its importer needs r = tau/dt in rows that are not about neurons.
        own_bridge: returns nirx's bridge to it; None finds the one of its name.
    """

    name: str
    packages: tuple[str, ...]
    importer: Importer | None = None
    dt: float = 1e-4
    unit_gain: bool = False
    own_bridge: Callable[[], Bridge] | None = None

    def bridge(self) -> Bridge:
        """nirx's bridge to it.

        **Raises**: `UnsupportedError` if it cannot be imported.
        """
        return self.own_bridge() if self.own_bridge else find_bridge(self.name)

    @property
    def versions(self) -> str:
        """ "sinabs 3.1.3"."""
        return ", ".join(f"{name} {version(name)}" for name in self.packages)


LIBRARIES: tuple[Library, ...] = (
    Library("norse", ("norse",), importers.norse),
    Library("snntorch", ("snntorch",), importers.snntorch, unit_gain=True),
    Library("sinabs", ("sinabs",), importers.sinabs, dt=1.0, unit_gain=True),
    Library("spikingjelly", ("spikingjelly",), importers.spikingjelly, unit_gain=True),
    Library("rockpool", ("rockpool",), importers.rockpool, unit_gain=True),
    Library("spyx", ("spyx",), importers.spyx, dt=1.0, unit_gain=True),
    Library("rockpool-jax", ("rockpool",)),
    Library("slax", ("slax",)),
    Library("brainpy", ("brainpy", "brainpy_state", "brainstate")),
)

EVENT_BASED = (Library("jaxsnn", ("jaxsnn",), importers.jaxsnn, unit_gain=True),)
"""Without time steps: nothing can be compared, but importers accept or refuse a graph."""


def installed(library: Library) -> bool:
    """Whether its package is installed, without importing it."""
    return importlib.util.find_spec(library.packages[0]) is not None
