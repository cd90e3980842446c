"""Backends: what one has to offer, and how one is found by name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, Protocol

from nirx.basics.importing import import_object
from nirx.dynamics.discretization import Discretization
from nirx.errors import InputError, UnsupportedError, did_you_mean

__all__ = ["Backend", "Prepared", "backend_names", "find_backend", "from_nir"]

ENTRY_POINTS = "nirx.backends"
EXTRAS = {"torch": "torch", "jax": "jax"}


class Prepared(Protocol):
    """A network ready to run on NumPy arrays, whatever it runs on inside."""

    def __call__(self, inputs: Any, state: Any = None, record: Any = ()) -> tuple[Any, Any, Any]:
        """inputs [time, *batch, *features] (or a dict) -> outputs, last state, recordings."""
        ...


class Backend(Protocol):
    """What an entry point of the group `nirx.backends` gives.

    For the conformance suite `name` and `prepare` are enough. A backend says what it does not
    support by `nirx.UnsupportedError` from `prepare`.
    """

    name: str

    def from_nir(self, graph_or_path: Any, **options: Any) -> Any:
        """The backend's native network; options as in `nirx.from_nir`."""
        ...

    def prepare(
        self,
        graph: Any,
        discretization: Discretization | None = None,
        dtype: str = "float32",
        **options: Any,
    ) -> Prepared:
        """The same network behind NumPy arrays, for comparing."""
        ...


def backend_names() -> list[str]:
    """Names of all installed backends, sorted."""
    return sorted({e.name for e in entry_points(group=ENTRY_POINTS)})


def find_backend(name: str) -> Backend:
    """The backend of a name.

    Arguments:
        name: of an entry point of the group `nirx.backends`, or `"package.module:object"`.

    **Raises**: `InputError` for an unknown name or an object that is no backend,
    `UnsupportedError` where its library is missing.
    """
    if not isinstance(name, str):
        raise InputError(
            f"backend is a {type(name).__name__}; expected a name such as 'torch' "
            "(a discretization goes into discretization=)"
        )
    if ":" in name:
        return _imported(name)
    found = [e for e in entry_points(group=ENTRY_POINTS) if e.name == name]
    if not found:
        raise InputError(f"no backend {name!r}; {did_you_mean(str(name), backend_names())}")
    try:
        return found[0].load()
    except ImportError as error:
        extra = EXTRAS.get(name)
        mend = f'; install it with: pip install "nirx[{extra}]"' if extra else ""
        raise UnsupportedError(f"backend {name!r} cannot be imported: {error}{mend}") from error


def _imported(name: str) -> Backend:
    """The object of `"package.module:object"`; a class is called without arguments."""
    found = import_object(name, "backend")
    found = found() if isinstance(found, type) else found
    if not callable(getattr(found, "prepare", None)):
        raise InputError(f"backend {name!r} has no prepare(graph, discretization, dtype)")
    return found


def from_nir(
    graph_or_path: Any,
    backend: str = "torch",
    discretization: Discretization | None = None,
    dtype: Any = "float32",
    reproducible: bool = False,
    node_map: Mapping[type, Any] | None = None,
    surrogate: Any = "superspike",
    detach_reset: bool = False,
    **options: Any,
) -> Any:
    """Build a network from a NIR graph.

    Arguments:
        graph_or_path: a `nir.NIRGraph`, left as it is, or the path of a `.nir` file.
        backend: `"numpy"`, `"torch"`, `"jax"` or any entry point of `nirx.backends`.
        discretization: None takes the graph's own (metadata), else the default with a warning.
        dtype: `"float32"` or `"float64"`.
        reproducible: the same bits on every backend.
        node_map: {NIR type: function from a node to a module of the backend}; a module is
            x -> y, or (x, state) -> (y, state) if its call has an argument `state`.
        surrogate: gradient of a spike: `"superspike"`, `"arctan"`, `"triangular"`,
            `"straight-through"`, or a function of v - v_threshold.
        detach_reset: stop gradients at the reset.
        options: what else the backend takes (torch: `device`).

    Returns: the backend's network: `net(x, state)`, `net.run(xs, state, record=...)` and
    `net.init_state(batch_shape)`.

    **Units**: dt shares its unit with the graph's time constants and delays.

    **Raises**: `GraphError` with all faults of the graph, `FileError`, `InputError`,
    `UnsupportedError`.
    """
    found = find_backend(backend)
    own = inspect.signature(found.from_nir).parameters
    for name in options:
        if name not in own:
            raise InputError(f"backend {backend!r} has no option {name!r}")
    return found.from_nir(
        graph_or_path,
        discretization=discretization,
        dtype=dtype,
        reproducible=reproducible,
        node_map=node_map,
        surrogate=surrogate,
        detach_reset=detach_reset,
        **options,
    )
