"""Which modules of a model are traced as neurons of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from nirx.basics.find_exporter import find_exporter
from nirx.errors import UnsupportedError
from nirx_torch.cells import TracedCell, trace_cell
from nirx_torch.exporters import Exporters
from nirx_torch.held_values import named

__all__ = ["found_cells"]


def found_cells(
    module: torch.nn.Module, exporters: Exporters, shape: Any, refusals: list[UnsupportedError]
) -> Iterator[dict[int, TracedCell]]:
    """Modules that no map has a node for and whose step is elementwise, by id: the innermost
    ones, then the outermost.

    Arguments:
        module: the model.
        exporters: its maps.
        shape: of one sample of the model's input, if the caller gave one.
        refusals: is appended why a module is none.
    """
    known: dict[int, TracedCell | None] = {}

    def traced(path: str, part: torch.nn.Module) -> TracedCell | None:
        if id(part) not in known:
            label = path or type(part).__name__
            own = None if path or isinstance(shape, Mapping) or shape is None else _tuple(shape)
            try:
                known[id(part)] = trace_cell(part, label, own)
            except UnsupportedError as refusal:
                known[id(part)] = None
                if exporters.is_mapped(part) or not _is_container(part, exporters):
                    refusals.append(refusal)
            if known[id(part)] is None and exporters.is_mapped(part) and not refusals:
                refusals.append(UnsupportedError(f"{label}: it keeps no state between calls"))
        return known[id(part)]

    def chosen(outermost: bool) -> dict[int, TracedCell]:
        parts = [(p, m) for p, m in named(module) if _is_unknown(m, exporters)]
        cells: dict[int, TracedCell] = {}
        for path, part in parts if outermost else reversed(parts):
            others = outer if outermost else {m for m in part.modules() if m is not part}
            if outermost and part in outer:
                continue
            if not outermost and any(_is_node(m, exporters, cells) for m in others):
                continue
            cell = traced(path, part)
            if cell is not None:
                cells[id(part)] = cell
                outer.update(part.modules())
        return cells

    outer: set[torch.nn.Module] = set()
    inner = chosen(outermost=False)
    if inner:
        yield inner
    outer.clear()
    other = chosen(outermost=True)
    if other and other.keys() != inner.keys():
        yield other


def _tuple(shape: Any) -> tuple[int, ...]:
    return tuple(shape) if isinstance(shape, tuple | list) else (int(shape),)


def _is_unknown(module: torch.nn.Module, exporters: Exporters) -> bool:
    """Whether a module is in no map, or its entry refuses it."""
    if not exporters.is_mapped(module):
        return True
    try:
        exporters.export(module, type(module).__name__)
    except UnsupportedError:
        return True
    except Exception:  # an exporter's own error, which the export without cells has raised
        return False
    return False


def _is_node(module: torch.nn.Module, exporters: Exporters, cells: Mapping[int, Any]) -> bool:
    """Whether a module becomes a node, rather than nothing."""
    if id(module) in cells:
        return True
    return not _is_unknown(module, exporters) and _handler(module, exporters) is not None


def _handler(module: torch.nn.Module, exporters: Exporters) -> Any:
    return find_exporter(type(module), *exporters.maps)


def _is_container(module: torch.nn.Module, exporters: Exporters) -> bool:
    """Whether a module consists of nodes and is no cell itself."""
    inside = (m for m in module.modules() if m is not module)
    own = type(module).__module__.startswith("torch.nn.")
    return own or any(_is_node(m, exporters, {}) for m in inside)
