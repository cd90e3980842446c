"""The graph of a model that torch.fx cannot trace, seen by running it once on a sample.

Only a model that passes the output of one mapped module on to the next, untouched, is taken:
what a run does to a tensor between modules cannot be told from its numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import nir
import torch
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._pytree import tree_leaves

from nirx.errors import UnsupportedError
from nirx.tracing.draft import Draft
from nirx.tracing.value import Value

__all__ = ["Calls", "graph_of_calls"]


class Calls:
    """While it is open, records the calls of mapped modules, but not of those within them.

    Arguments:
        mapped: ids of the mapped modules.
    """

    def __init__(self, mapped: Sequence[int]):
        self.mapped = frozenset(mapped)
        self.made: list[tuple[torch.nn.Module, list[torch.Tensor], Any]] = []
        self.open: list[torch.nn.Module] = []
        self.handles: list[Any] = []

    def __enter__(self) -> Calls:
        before = register_module_forward_pre_hook(self._before)
        self.handles = [before, register_module_forward_hook(self._after)]
        return self

    def __exit__(self, *error: Any) -> None:
        for handle in self.handles:
            handle.remove()

    def _before(self, module: torch.nn.Module, args: Any) -> None:
        if id(module) in self.mapped:
            self.open.append(module)

    def _after(self, module: torch.nn.Module, args: Any, output: Any) -> None:
        if id(module) in self.mapped:
            self.open.pop()
            if not self.open:
                self.made.append((module, _tensors(args[:1]), output))


def graph_of_calls(
    model: torch.nn.Module,
    nodes: Mapping[int, Any],
    calls: Calls,
    sample: Any,
    result: Any,
    shape: tuple[int, ...],
) -> nir.NIRGraph:
    """The graph of a run.

    Arguments:
        model: the model.
        nodes: the NIR node of each mapped module, by its id.
        calls: of the run.
        sample, result: the model's input and output in the run.
        shape: of one sample.

    **Raises**: `UnsupportedError` for anything but modules that pass their outputs on;
    `GraphError`.
    """
    names = {id(m): path for path, m in torch.nn.Module.named_modules(model)}
    draft = Draft()
    values: dict[int, Value] = {id(sample): draft.input("input", shape)}
    called: list[int] = []
    for module, given, output in calls.made:
        name = names[id(module)]
        if id(module) in called:
            raise UnsupportedError(f"{name} is called twice; forward must be one time step")
        called.append(id(module))
        if len(given) != 1 or id(given[0]) not in values:
            raise UnsupportedError(f"{name} reads what is no output of a mapped module")
        value = values[id(given[0])]
        values[id(_tensors(output)[0])] = draft.node(name, nodes[id(module)], value, module=name)
    outputs = _tensors(result)[:1]
    if not outputs or id(outputs[0]) not in values:
        raise UnsupportedError("the model's output is no output of a mapped module")
    draft.output("output", values[id(outputs[0])])
    return draft.build(None)


def _tensors(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]
