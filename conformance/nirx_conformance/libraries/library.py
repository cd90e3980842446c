"""`Library`: what the matrix knows of each library, and the list of them."""

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
        packages: distributions whose versions the page names; the first is imported.
        importer: its own; None where it has none.
        dt: that its importer is run at: its fixed one, or the one it is given.
        unit_gain: whether its importer wants r = tau/dt in the rows that are not about neurons.
        own_bridge: gives nirx's bridge to it; None finds the one of its name.
    """

    name: str
    packages: tuple[str, ...]
    importer: Importer | None = None
    dt: float = 1e-4
    unit_gain: bool = False
    own_bridge: Callable[[], Bridge] | None = None

    def bridge(self) -> Bridge:
        """nirx's bridge to it. **Raises**: `UnsupportedError` where it cannot be imported."""
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
"""Without time steps: there is nothing to compare, but an importer says what it takes."""


def installed(library: Library) -> bool:
    """Whether its package can be found; it is not imported."""
    return importlib.util.find_spec(library.packages[0]) is not None
