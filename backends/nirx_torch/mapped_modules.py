"""The part of the interpreter that handles calls of modules that a map has an entry for."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import nir
import torch
from torch import fx

from nirx.dynamics.node_types import has_neuron
from nirx.errors import UnsupportedError
from nirx.tracing.arranged import Arranged, in_nir, permuted_linear
from nirx.tracing.value import Value
from nirx_torch.exporters import Exporters, starts_afresh
from nirx_torch.layout import arrange
from nirx_torch.lowering import Call, Constant, LeafResult, LeafState, StateIn
from nirx_torch.outputs_and_state import OutputsAndState
from nirx_torch.trace import Trace
from nirx_torch.trees import flat, is_nothing

__all__ = ["MappedModules"]


class MappedModules(OutputsAndState):
    """Makes nodes of calls of mapped modules, and keeps track of their states."""

    def __init__(self, module: torch.nn.Module, trace: Trace, exporters: Exporters):
        super().__init__(module, trace)
        self.exporters = exporters

    def _arranged(self, flow: Any) -> Any:
        raise NotImplementedError

    def _call(self, node: fx.Node, arguments: Any, keywords: Any) -> Call:
        raise NotImplementedError

    def _leaf(self, node: fx.Node) -> Any:
        path = str(node.target)
        module = self.module.get_submodule(path)
        exported = self.exporters.export(module, path)
        keywords = self._resolved(dict(node.kwargs))
        given = [*self._resolved(node.args)]
        if not given:  # by name, in any order
            names = [n for n in inspect.signature(module.forward).parameters if n in keywords]
            given = [keywords.pop(names[0])] if names else given
        if not given:
            raise UnsupportedError(f"{path} is called without a value")
        first, *others = [*given, *keywords.values()]
        found = self._arranged(first)
        if not isinstance(found, Value | Arranged):
            raise UnsupportedError(f"{path} is applied to a constant, which has no NIR node")
        for part in flat(others):
            self._require_own_state(path, part)
        state_in = [part for part in flat(others) if not is_nothing(part)]
        if exported is None and not others:
            return found
        if exported is not None:
            self._require_one_state(path, module, exported, bool(others))
        value = self._node(node, exported, found)
        if not (others or self.exporters.has_state(module)):
            return value
        result = LeafResult(value, path, state_in)
        if exported is not None:
            self.stateful_calls.append(result)
        return result

    def _node(self, node: fx.Node, exported: Any, found: Any) -> Any:
        """The node of a module that reads what flows."""
        path = str(node.target)
        if isinstance(found, Arranged) and type(exported) is nir.Flatten:
            start, end = (n + (n >= 0) for n in (exported.start_dim, exported.end_dim))
            given = found, Constant(start), Constant(end)
            call = replace(self._call(node, given, {}), target=torch.flatten, name=path)
            return call.lower(arrange)
        made = permuted_linear(self.draft, path, exported, found, path)
        if made is not None:
            return made
        value = in_nir(self.draft, found, f"{path}.input", f"the input of {path}")
        return value if exported is None else self.draft.node(path, exported, value, path)

    def _require_one_state(self, path: str, module: Any, node: Any, given: bool) -> None:
        """A neuron that keeps its state in itself has a single one, however often it is called."""
        keeps = not given and not starts_afresh(module) and has_neuron(node)
        if keeps and path in self.draft.modules.values():
            raise UnsupportedError(
                f"{path} ({type(module).__name__}) is called twice in a step and keeps one state "
                "for both calls, which has no NIR node; use two modules, or pass the state"
            )

    def _require_own_state(self, path: str, part: Any) -> None:
        if isinstance(part, Constant):
            start = part.content
            if isinstance(start, torch.Tensor) and start.is_floating_point() and bool(start.any()):
                raise UnsupportedError(
                    f"{path} starts every step from a nonzero state, which has no NIR node"
                )
        elif isinstance(part, LeafState):
            other = part.result.module
            if other != path:
                raise UnsupportedError(f"{path} takes the state of {other}, which has no NIR node")
            raise UnsupportedError(
                f"{path} takes two steps in one; forward must be one time step: loop over time "
                "outside it (docs/export-torch.md has an example)"
            )
        elif not isinstance(part, StateIn) and not is_nothing(part):
            raise UnsupportedError(f"{path} takes several values; add them up first")
