"""Shapes during a trace: what forward asks a tensor for, as far as the layers before it tell.

torch.fx gives no numbers for `b, c, h, w = x.shape`. The part of the trace so far is interpreted
aside, into a draft that nobody keeps; the shapes of its values are the answer. Only the batch
stays unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import torch
from torch import fx

from nirx.errors import NirxError
from nirx.tracing.arranged import Arranged
from nirx.tracing.value import Value
from nirx_torch.exporters import Exporters
from nirx_torch.interpret import TorchInterpreter
from nirx_torch.loop_trace import time_step
from nirx_torch.trace import Trace

__all__ = ["shape_finder"]


def shape_finder(
    module: torch.nn.Module, exporters: Exporters, shapes: Any
) -> Callable[[fx.Graph], Callable[[fx.Node], tuple[int, ...] | None]]:
    """A function that makes, for a trace under way, a function from its values to their shapes.

    Arguments:
        module, exporters: of the export.
        shapes: of the inputs, as in `torch_to_nir`.

    Returns: graph -> node -> the shape of one sample, or None where it is not known.
    """
    return lambda graph: _Aside(module, graph, exporters, shapes).shape_of


class _Aside(TorchInterpreter):
    """Interprets a graph that has no result yet, one value at a time."""

    def __init__(self, module: Any, graph: fx.Graph, exporters: Exporters, shapes: Any):
        super().__init__(module, Trace(graph, _Attributes(module)), exporters, shapes)

    def shape_of(self, node: fx.Node) -> tuple[int, ...] | None:
        try:
            for below in self._below(node):
                self.flows[below] = self._flow(below)
            found = self._arranged(self.flows[node])
        except NirxError:
            return None  # the interpretation of the whole trace says what is wrong
        if isinstance(found, Arranged):
            return found.order.shape
        return found.shape if isinstance(found, Value) else None

    def _flow(self, node: fx.Node) -> Any:
        # A step of an input has the shape of the input without time.
        return self.flows[node.args[0]] if node.target is time_step else super()._flow(node)  # type: ignore[index]

    def _below(self, node: fx.Node) -> list[fx.Node]:
        """What a value is computed from and was not asked for yet, in the order of the graph."""
        needed, work = set(), [node]
        while work:
            found = work.pop()
            if found not in needed and found not in self.flows:
                needed.add(found)
                work += found.all_input_nodes
        return [n for n in self.trace.graph.nodes if n in needed]

    def _require_one_state(self, path: str, module: Any, node: Any, given: bool) -> None:
        """A loop over time calls a neuron once per step; shapes do not depend on states."""

    def _require_own_state(self, path: str, part: Any) -> None:
        pass

    def _assume_batch(self, node: fx.Node, place: str, batch: int, certain: bool) -> None:
        pass


class _Attributes(dict[str, Any]):
    """The constants of a module, looked up when they are read."""

    def __init__(self, module: Any):
        super().__init__()
        self.module = module

    def __missing__(self, name: str) -> Any:
        return attrgetter(name)(self.module)
