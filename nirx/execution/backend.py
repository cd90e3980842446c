"""Backends: what one has to offer, and how nirx finds one by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import entry_points
from typing import Any, Protocol, runtime_checkable

from nirx.basics.importing import import_object
from nirx.dynamics.discretization import Discretization
from nirx.errors import InputError, UnsupportedError, did_you_mean
from nirx.execution.assemble import LOW_PRECISION, dtype_name, load, run_dtype
from nirx.execution.kernels.plan import Execution, require_execution
from nirx.execution.memory_factors import NODE_BY_NODE, Factors
from nirx.execution.network import Network
from nirx.execution.whole_numbers import whole_inputs
from nirx.graphs.metadata import given_or_stored
from nirx.graphs.returns import without_returns
from nirx.graphs.state import map_tree, state_to_numpy

__all__ = [
    "Backend",
    "GradientBackend",
    "NetworkBackend",
    "NetworkGradients",
    "Prepared",
    "PreparedGradients",
    "backend_names",
    "find_backend",
    "from_nir",
]

ENTRY_POINTS = "nirx.backends"


class Prepared(Protocol):
    """A network that takes and returns NumPy arrays, whatever it runs on inside."""

    def __call__(self, inputs: Any, state: Any = None, record: Any = ()) -> tuple[Any, Any, Any]:
        """inputs `[time, *batch, *features]` (or a dict) -> outputs, last state, recordings."""
        ...


class Backend(Protocol):
    """The object behind an entry point of the group `nirx.backends`.

    The conformance suite needs `name` and `prepare` only, and for gradients what
    `GradientBackend` adds. A backend raises
    `nirx.UnsupportedError` from `prepare` for what it does not support. If its module cannot be
    imported, the ImportError should say how to install what is missing: nirx passes it on.
    For `nirx doctor` it may have `packages` (their names) and `machine()`, which returns a dict
    with `"devices"` and `"threads"`.
    """

    name: str

    def from_nir(self, graph_or_path: Any, **options: Any) -> Network:
        """The backend's native network; options as in `nirx.from_nir`."""
        ...

    def prepare(
        self,
        graph: Any,
        discretization: Discretization | None = None,
        dtype: str = "float32",
        **options: Any,
    ) -> Prepared:
        """The same network behind NumPy arrays, for comparisons."""
        ...


class PreparedGradients(Protocol):
    """A network that takes NumPy arrays and returns gradients as NumPy arrays."""

    def __call__(self, inputs: Any, cotangents: Any, state: Any = None) -> tuple[Any, Any, Any]:
        """The gradients of a loss, one run backwards.

        Arguments:
            inputs, state: of the run, as for `Prepared`.
            cotangents: (to outputs, to last state, to recordings): the gradients of the loss with
                respect to what a run returns, in the same form. The recordings' keys are what to
                record. None stands for zeros.

        Returns: the gradients of the parameters, `{path.parameter: array}`; of the inputs, by
        Input; and of the state that the run started from, a tree, None where there was none.
        Nodes that share a module each have the gradient of the shared parameter.
        """
        ...


@runtime_checkable
class GradientBackend(Protocol):
    """A `Backend` that can also say its gradients, which is optional.

    Without `prepare_gradients`, the level `gradients` of the conformance suite reports a backend
    as unsupported.
    """

    name: str

    def prepare_gradients(
        self,
        graph: Any,
        discretization: Discretization | None = None,
        dtype: str = "float32",
        surrogate: Any = None,
        detach_reset: bool = False,
        **options: Any,
    ) -> PreparedGradients:
        """The same network as of `Backend.prepare`, backwards.

        Arguments:
            surrogate, detach_reset: as for `nirx.from_nir`.
        """
        ...


class NetworkBackend:
    """A `Backend` whose `prepare` wraps its own `from_nir`.

    A subclass sets `name`, `packages` and `from_nir`, and overrides `to_native` and `context`
    as its framework needs.
    """

    name: str
    packages: tuple[str, ...] = ()
    """Installed packages whose versions a reference file states."""
    memory: Factors = NODE_BY_NODE
    """What runs take, for estimates of memory."""

    from_nir: Any

    def to_native(self, tree: Any) -> Any:
        """A state of NumPy arrays as the framework's arrays."""
        return tree

    def to_numpy(self, tree: Any) -> Any:
        """A result of the network as NumPy arrays."""
        return state_to_numpy(tree)

    def to_low_precision(self, array: Any, dtype: str) -> Any:
        """An array of the framework rounded to one of `LOW_PRECISION`, some of which NumPy lacks.

        For backends that have such dtypes.
        """
        return array

    def context(self, dtype: str) -> AbstractContextManager[Any]:
        """The context in which a network of this dtype is built and run."""
        return nullcontext()

    def prepare(
        self,
        graph: Any,
        discretization: Discretization | None = None,
        dtype: str = "float32",
        **options: Any,
    ) -> Prepared:
        """See `Backend.prepare`."""
        loaded = without_returns(load(graph))
        kind = dtype_name(dtype, LOW_PRECISION)
        rule = given_or_stored(loaded, discretization)
        in_integers, kind = rule is not None and rule.in_integers, run_dtype(rule, kind)
        with self.context(kind):
            net = self.from_nir(loaded, discretization, dtype, **options)

        def run(inputs: Any, state: Any = None, record: Any = ()) -> tuple[Any, Any, Any]:
            if in_integers:
                inputs = whole_inputs(inputs)
            with self.context(kind):
                start = None if state is None else self.to_native(state)
                if kind in LOW_PRECISION:
                    given = self.to_native(inputs), start
                    inputs, start = map_tree(lambda a: self.to_low_precision(a, kind), given)
                return self.to_numpy(net.run(inputs, start, record))

        return run


class NetworkGradients(NetworkBackend):
    """A `NetworkBackend` that is a `GradientBackend` too. A subclass sets `array_gradients`."""

    array_gradients: Callable[[Any, Any, Any, Any], tuple[Any, Any, Any]]
    """(network, inputs, cotangents, state) -> gradients, all but the network in NumPy."""

    def prepare_gradients(
        self,
        graph: Any,
        discretization: Discretization | None = None,
        dtype: str = "float32",
        surrogate: Any = None,
        detach_reset: bool = False,
        **options: Any,
    ) -> PreparedGradients:
        """See `GradientBackend`."""
        options = {"surrogate": surrogate, "detach_reset": detach_reset, **options}
        with self.context(dtype):
            net = self.from_nir(without_returns(load(graph)), discretization, dtype, **options)

        def run(inputs: Any, cotangents: Any, state: Any = None) -> tuple[Any, Any, Any]:
            with self.context(dtype):
                return self.array_gradients(net, inputs, cotangents, state)

        return run


def backend_names() -> list[str]:
    """Names of all installed backends, sorted."""
    return sorted({e.name for e in entry_points(group=ENTRY_POINTS)})


def find_backend(name: str) -> Backend:
    """Find a backend by name.

    Arguments:
        name: an entry point of the group `nirx.backends`, or `"package.module:object"`.

    Returns: the backend, whose `from_nir` builds networks.

    **Raises**: `InputError` for an unknown name or an object that is not a backend,
    `UnsupportedError` if its library is missing.
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
        raise UnsupportedError(f"backend {name!r} cannot be imported: {error}") from error


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
    surrogate: Any = None,
    detach_reset: bool = False,
    execution: Execution = "auto",
    **options: Any,
) -> Network:
    """Build a network from a NIR graph.

    Arguments:
        graph_or_path: a `nir.NIRGraph`, which is never changed, or the path of a `.nir` file.
        backend: `"numpy"`, `"torch"`, `"jax"` or any other entry point of `nirx.backends`.
        discretization: how the network steps. None takes the one in the graph's metadata, else
            the default with a warning.
        dtype: `"float32"` or `"float64"`.
        reproducible: compute the same bits on every backend.
        node_map: `{NIR type: function from a node to a module of the backend}`. A module is
            x -> y, or (x, state) -> (y, state) if its call has an argument `state`.
        surrogate: gradient of a spike: one of `nirx.surrogates`, `"superspike"`, `"arctan"`,
            `"triangular"`, `"straight-through"`, a function of v - v_threshold, or a mapping
            {pattern of nodes' paths: one of these}. None takes the one in each node's metadata,
            else superspike.
        detach_reset: stop gradients at the reset.
        execution: `"auto"` runs neurons in fused kernels where the backend has them (NumPy, and
            torch on the CPU, with the extra `fast`) and a run is long enough; `"fused"` wherever
            there is one, and is refused by other backends; `"plain"` never. In reproducible mode
            the bits are the same.
        options: further options of the backend (torch: `device`).

    Returns: a `nirx.Network`: `net(x, state)`, `net.run(xs, state, record=...)` and
    `net.init_state(batch_shape)`.

    **Raises**: `GraphError` with all faults of the graph, `FileError`, `InputError`,
    `UnsupportedError`.

    **Units**: dt has the unit of the graph's time constants and delays.
    """
    found = find_backend(backend)
    require_execution(execution)
    own = inspect.signature(found.from_nir).parameters
    for name in options:
        if name not in own:
            raise InputError(f"backend {backend!r} has no option {name!r}")
    if "execution" in own:
        options["execution"] = execution
    elif execution == "fused":
        raise UnsupportedError(
            f'backend {backend!r} has no kernels (JAX compiles by itself); leave execution="auto"'
        )
    if surrogate is not None:
        options["surrogate"] = surrogate
    return found.from_nir(
        graph_or_path,
        discretization=discretization,
        dtype=dtype,
        reproducible=reproducible,
        node_map=node_map,
        detach_reset=detach_reset,
        **options,
    )
