"""The peers by name; a library is imported only when its peer is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType

from nirx.errors import NirxError
from nirx_conformance.benchmarks.subject import CannotRunError, Case, Subject

__all__ = ["PEERS", "Build", "build_peer"]

Build = Callable[[Case], Subject]

PEERS: Mapping[str, str] = MappingProxyType(
    {
        "nirtorch": "nirtorch_peer:build",
        "norse": "norse_peer:build",
        "snntorch": "snntorch_peer:build",
        "sinabs": "sinabs_peer:build",
        "spikingjelly": "spikingjelly_peer:build",
        "spyx": "spyx_peer:build",
        "scan": "scan_peer:build",
        "matmul torch": "matmul_peer:build_torch",
        "matmul jax": "matmul_peer:build_jax",
    }
)
"""Name -> where its `Build` is."""


def build_peer(name: str, case: Case) -> Subject:
    """Build a peer.

    **Raises**: `CannotRunError` where the library is missing or cannot run the case.
    """
    module, _, function = PEERS[name].partition(":")
    try:
        build = getattr(import_module(f"{__name__}.{module}"), function)
        return build(case)
    except ImportError as error:
        raise CannotRunError(f"not installed: {error}") from error
    except NirxError as error:
        raise CannotRunError(str(error)) from error
