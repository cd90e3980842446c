"""`NetworkExport`: a network that came from NIR, back into NIR with the parameters it has now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from nirx.basics.type_map import Handler, TypeMap
from nirx.errors import InputError
from nirx.graphs.origin import Cast, node_at, rebuild_node
from nirx.tracing.exporting import export
from nirx.tracing.trained_surrogates import store_surrogates

__all__ = ["NetworkExport"]


@dataclass(frozen=True)
class NetworkExport:
    """The export of one framework's networks.

    Creating one registers `graph` and `node` as exporters in the module map.

    Arguments:
        net: the class of networks: `schedule`, `origin`, `dtype`, `surrogates`,
            `modules_in_order`.
        native: the class of modules that hold the parameters of nodes that nirx runs: `node`
            is the NIR node that one was built from, `surrogate` the caller's or None.
        module_map: {module type: exporter}, for modules that a `node_map` put in.
        numbers: a native module -> its parameters by name, as NumPy arrays.
        dtype_of: a native module -> the dtype of its parameters.
        cast: dtype -> what became of the graph's arrays on their way into the network.
        has_parameters: whether a module of a `node_map` holds any.
        tracer: name of the function that exports everything else.
    """

    net: type
    native: type
    module_map: TypeMap
    numbers: Callable[[Any], dict[str, np.ndarray]]
    dtype_of: Callable[[Any], Any]
    cast: Callable[[Any], Cast]
    has_parameters: Callable[[Any], bool]
    tracer: str

    def __post_init__(self) -> None:
        self.module_map.register(self.net, self.graph)
        self.module_map.register(self.native, self.node)

    def to_nir(self, net: Any, module_map: Mapping[type, Handler | None] | None = None) -> Any:
        """The graph of a network, or the node of a native module. **Raises** `InputError`."""
        if isinstance(net, self.net):
            return self.graph(net, module_map)
        if isinstance(net, self.native):
            return self.node(net)
        raise InputError(
            f"to_nir: a {type(net).__name__} did not come from NIR; use {self.tracer} for it"
        )

    def graph(
        self, net: Any, module_map: Mapping[type, Handler | None] | None = None
    ) -> nir.NIRGraph:
        """The graph of a network."""
        modules = dict(enumerate(net.modules_in_order))
        native = {p: m for p, m in modules.items() if isinstance(m, self.native)}
        graph = export(
            net.schedule,
            net.origin,
            {p: self.numbers(m) for p, m in native.items()},
            {p: m for p, m in modules.items() if p not in native},
            self.cast(net.dtype),
            module_map,
            self.module_map,
            self.has_parameters,
        )
        places = ((net.schedule.nodes[p], net.surrogates.at(p)) for p in native)
        store_surrogates(
            (place.name, node_at(graph, place.path), own) for place, own in places if place.spiking
        )
        return graph

    def node(self, module: Any) -> Any:
        """The node of a native module."""
        cast = self.cast(self.dtype_of(module))
        node = rebuild_node(module.node, self.numbers(module), cast)
        if module.surrogate is not None:
            store_surrogates([(type(node).__name__, node, module.surrogate)])
        return node
