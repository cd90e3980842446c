"""nirtorch's `GraphExecutor`: the network that `load` returns."""

from __future__ import annotations

from typing import Any

import torch

from nirx.execution.assemble import Assembly
from nirx_torch.module_map import MODULE_MAP
from nirx_torch.net import AS_HELD, HoldingNet, Subgraph, is_port
from nirx_torch.nirtorch_graph import Node, TorchGraph
from nirx_torch.to_nir import EXPORT

__all__ = ["GraphExecutor"]


class GraphExecutor(HoldingNet):
    """A network with the names and attributes of nirtorch's. Build it with `load`.

    Its children are in the order in which they run, under the nodes' own names (only dots
    become underscores).

    Arguments:
        assembly, modules, dtype, options: those of `Net`.
        return_state: whether a call returns (y, state) or y alone.
    """

    def __init__(
        self,
        assembly: Assembly,
        modules: list[torch.nn.Module],
        dtype: torch.dtype,
        *options: Any,
        return_state: bool = True,
    ):
        super().__init__(assembly, modules, dtype, *options)
        self.return_state = return_state
        self._modules.clear()
        self._names = [self._place(n.path, m) for n, m in zip(self._order(), modules, strict=True)]

    def forward(self, x: Any, state: Any = AS_HELD) -> Any:
        """Run one time step; see `nirx.Network`."""
        result = super().forward(x, state)
        return result if self.return_state else result[0]

    @property
    def graph(self) -> TorchGraph:
        """The modules and the edges between them."""
        return self._graph()[0]

    @property
    def execution_order(self) -> list[Node]:
        """The nodes of `graph` in the order in which they run."""
        return self._graph()[1]

    def get_input_nodes(self) -> list[Node]:
        """The nodes of `graph` that nothing feeds."""
        return self.graph.inputs

    def _order(self) -> list[Any]:
        return list(self.schedule.nodes)

    def _graph(self) -> tuple[TorchGraph, list[Node]]:
        kept = vars(self).get("_torch_graph")
        if kept is None:
            modules, graph = self._in_order, TorchGraph({})
            nodes = [Node(m, name) for m, name in zip(modules, self._names, strict=True)]
            for target, scheduled in zip(nodes, self._order(), strict=True):
                for source in scheduled.sources:
                    nodes[source.position].add_outgoing(target)
            graph.module_names = dict(zip(modules, self._names, strict=True))
            graph.node_list = nodes
            kept = vars(self)["_torch_graph"] = graph, list(nodes)
        return kept

    def _place(self, path: tuple[str, ...], module: torch.nn.Module) -> str:
        """Register a module under its path; returns the path of the child."""
        parent: torch.nn.Module = self
        names = []
        for depth, name in enumerate(path):
            own = name.replace(".", "_") or "_"
            last = depth == len(path) - 1
            while own in parent._modules or hasattr(parent, own):
                if not last and isinstance(parent._modules.get(own), Subgraph):
                    break
                own += "_"
            names.append(own)
            if last and not is_port(module):
                parent.add_module(own, module)
            elif not last:
                if own not in parent._modules:
                    parent.add_module(own, Subgraph())
                parent = parent.get_submodule(own)
        return ".".join(names)


MODULE_MAP.register(GraphExecutor, EXPORT.graph)
