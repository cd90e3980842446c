"""nirtorch's `graph`: which modules of a model feed which, seen by running it once.

sinabs maps models to chips by it, and Rockpool reads the order of an imported network. For an
export to NIR use `torch_to_nir`, which sees the operations between modules too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch.nn.modules.module import register_module_forward_hook
from torch.utils._pytree import tree_leaves

from nirx.errors import InputError

__all__ = ["GraphTracer", "Node", "TorchGraph", "extract_torch_graph", "named_modules_map"]


class Node:
    """A module or tensor of a graph.

    Arguments:
        elem: the module or tensor.
        name: the module's path.
        outgoing_nodes: {node that reads it: shape of what is passed on, or None}.
    """

    def __init__(self, elem: Any, name: str, outgoing_nodes: dict[Node, Any] | None = None):
        self.elem, self.name = elem, name
        self.outgoing_nodes: dict[Node, Any] = dict(outgoing_nodes or {})

    def add_outgoing(self, node: Node, shape: Any = None) -> None:
        """Add an edge to a node."""
        self.outgoing_nodes[node] = shape

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self.elem is other.elem

    def __hash__(self) -> int:
        return id(self.elem)

    def __repr__(self) -> str:
        kind, count = type(self.elem).__name__, len(self.outgoing_nodes)
        return f"Node({self.name!r}, {kind}, {count} outgoing)"


class TorchGraph:
    """Modules (and tensors) and the edges between them.

    Arguments:
        module_names: {module: name} of the modules that may become nodes.
        inputs: the nodes that nothing feeds; found from the edges if None.
        module_output_types: {module: shape of its output}.
    """

    def __init__(
        self,
        module_names: Mapping[Any, str],
        inputs: Iterable[Node] | None = None,
        module_output_types: Mapping[Any, Any] | None = None,
    ):
        self.module_names = dict(module_names)
        self.module_output_types = dict(module_output_types or {})
        self.node_list: list[Node] = []
        self._given = None if inputs is None else list(inputs)
        self._nodes: dict[int, Node] = {}

    @staticmethod
    def from_torch_modules(
        nodes: Mapping[str, torch.nn.Module], edges: Iterable[tuple[str, str]]
    ) -> TorchGraph:
        """A graph from modules by name and edges between names."""
        graph = TorchGraph({module: name.replace(".", "_") for name, module in nodes.items()})
        for source, target in edges:
            source = source if source in nodes else f"{source}.output"
            target = target if target in nodes else f"{target}.input"
            graph.add_edge(nodes[source], nodes[target])
        return graph

    @property
    def inputs(self) -> list[Node]:
        """The nodes that nothing feeds, in the order of the list of nodes."""
        if self._given is not None:
            return self._given
        fed = {id(n.elem) for node in self.node_list for n in node.outgoing_nodes}
        return [n for n in self.node_list if len(self.node_list) == 1 or id(n.elem) not in fed]

    def get_root(self) -> list[Node]:
        """The same as `inputs`."""
        return self.inputs

    def __contains__(self, elem: object) -> bool:
        return id(elem) in self._nodes

    def find_node(self, elem: Any) -> Node:
        """The node of a module or tensor. **Raises** `ValueError` if it has none."""
        if elem not in self:
            raise InputError(f"{type(elem).__name__} is not in the graph")
        return self._nodes[id(elem)]

    def add_elem(self, elem: Any, name: str) -> Node:
        """The node of a module or tensor, which is added if need be."""
        if elem not in self:
            self._nodes[id(elem)] = Node(elem, name)
            self.node_list.append(self._nodes[id(elem)])
        return self._nodes[id(elem)]

    def add_or_get_node_for_elem(self, elem: Any) -> Node:
        """As `add_elem`, with the name of the module, or one made for the tensor."""
        if isinstance(elem, torch.nn.Module):
            return self.add_elem(elem, self.module_names[elem])
        if not isinstance(elem, torch.Tensor):
            raise InputError(f"a {type(elem).__name__} in the graph; expected a module or tensor")
        return self.add_elem(elem, f"Tensor_{len(self.node_list)}{tuple(elem.shape)}")

    def add_edge(self, source: Any, destination: Any, shape: Any = None) -> None:
        """Add an edge, unless one of its ends is a module without a name or None."""
        ends = source, destination
        if any(isinstance(e, torch.nn.Module) and e not in self.module_names for e in ends):
            return
        if source is not None and destination is not None:
            first, second = map(self.add_or_get_node_for_elem, ends)
            first.add_outgoing(second, shape)

    def find_source_nodes_of(self, node: Node) -> list[Node]:
        """The nodes that feed a node."""
        return [source for source in self.node_list if node in source.outgoing_nodes]

    def get_edges(self) -> list[tuple[str, str]]:
        """All edges, as pairs of names."""
        return [(a.name, b.name) for a in self.node_list for b in a.outgoing_nodes]

    def ignore_tensors(self) -> TorchGraph:
        """The graph of modules only; what fed a tensor feeds its readers."""
        return self.ignore_nodes(torch.Tensor)

    def ignore_nodes(self, class_type: type) -> TorchGraph:
        """The graph without the elements of a type; what fed one feeds its readers."""
        return self._without(lambda elem: isinstance(elem, class_type), bridge=True)

    def ignore_submodules_of(self, classes: Sequence[type]) -> TorchGraph:
        """The graph without the modules within modules of some types."""
        owners = [m for m in self.module_names if type(m) in tuple(classes)]
        inside = {id(m) for o in owners for m in torch.nn.Module.modules(o) if m is not o}
        return self._without(lambda elem: id(elem) in inside, bridge=False)

    def leaf_only(self) -> TorchGraph:
        """The graph without modules that contain modules of the graph."""
        nodes = self._nodes
        owners = {id(m) for m in self.module_names if any(id(c) in nodes for c in _children(m))}
        return self._without(lambda elem: id(elem) in owners, bridge=False)

    def _without(self, drop: Callable[[Any], bool], bridge: bool) -> TorchGraph:
        names = {m: name for m, name in self.module_names.items() if not drop(m)}
        graph = TorchGraph(names, None, self.module_output_types)
        for node in self.node_list:
            if drop(node.elem):
                continue
            if len(self.node_list) == 1:
                graph.add_elem(node.elem, node.name)
            for target, shape in self._readers(node, drop, bridge):
                graph.add_edge(node.elem, target.elem, shape)
        if not graph.node_list:  # one module between tensors
            for node in self.node_list:
                if not drop(node.elem):
                    graph.add_elem(node.elem, node.name)
        return graph

    def _readers(
        self, node: Node, drop: Callable[[Any], bool], bridge: bool
    ) -> list[tuple[Node, Any]]:
        found, seen, work = [], set(), list(reversed(node.outgoing_nodes.items()))
        while work:
            target, shape = work.pop()
            if id(target.elem) in seen:
                continue
            seen.add(id(target.elem))
            if not drop(target.elem):
                found.append((target, shape))
            elif bridge:
                work += [(t, shape) for t in reversed(list(target.outgoing_nodes))]
        return found

    def to_md(self) -> str:
        """The graph as a Mermaid diagram."""
        edges = [f"{a} --> {b};" for a, b in self.get_edges()]
        alone = [f"{n.name};" for n in self.node_list if not n.outgoing_nodes]
        return "\n".join(["```mermaid", "graph TD;", *edges, *alone, "```", ""])

    def __str__(self) -> str:
        return self.to_md()


def _children(module: torch.nn.Module) -> list[torch.nn.Module]:
    return [child for child in module._modules.values() if child is not None]


def named_modules_map(
    model: torch.nn.Module, model_name: str | None = "model"
) -> dict[torch.nn.Module, str]:
    """{module: path} of a model; Sequentials are left out.

    Arguments:
        model: the outermost module.
        model_name: its name; None leaves it out too.
    """
    named = torch.nn.Module.named_modules(model)
    found = {m: path for path, m in named if not isinstance(m, torch.nn.Sequential)}
    found.pop(model, None)
    return found if model_name is None else {**found, model: model_name}


class GraphTracer:
    """While it is open, the calls of the named modules become edges of `graph`."""

    def __init__(self, module_map: Mapping[torch.nn.Module, str]):
        self.output_types: dict[torch.nn.Module, Any] = {}
        self.graph = TorchGraph(module_map)
        self.handle: Any = None

    def __enter__(self) -> GraphTracer:
        self.handle = register_module_forward_hook(self._called)
        return self

    def __exit__(self, *error: Any) -> None:
        self.handle.remove()
        self.graph.module_output_types = self.output_types
        self.graph = self.graph.ignore_tensors()

    def _called(self, module: torch.nn.Module, args: Any, output: Any) -> None:
        first = next((t for t in tree_leaves(output) if isinstance(t, torch.Tensor)), None)
        if first is None:
            raise InputError(f"{type(module).__name__} returns no tensor")
        self.output_types[module] = first.shape
        for value in tree_leaves(args):
            if isinstance(value, torch.Tensor) and value is not first:
                self.graph.add_edge(value, module, value.shape)
        self.graph.add_edge(module, first, first.shape)


def extract_torch_graph(
    model: torch.nn.Module,
    sample_data: Any,
    model_name: str | None = "model",
    model_args: Sequence[Any] = (),
) -> TorchGraph:
    """The graph of a model's modules, seen by running it once.

    Arguments:
        model: the model. What it keeps in itself changes as in any call.
        sample_data: an input, with the batch that the model takes.
        model_name: the name of the model itself as a node; None leaves it out.
        model_args: further arguments of forward.

    Returns: a `TorchGraph` without tensors. Operations between modules are not seen.
    """
    with GraphTracer(named_modules_map(model, model_name)) as tracer, torch.no_grad():
        model(sample_data, *model_args)
    return tracer.graph
