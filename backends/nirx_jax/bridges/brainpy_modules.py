"""The modules of a brainstate model: the layers, their states, and replacements of their calls.

**Source**: brainpy 2.8.2 (brainpy_state 0.1.0), brainstate 0.5.4; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportMissingImports=false

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import brainstate

from nirx.basics.find_exporter import find_exporter
from nirx.basics.type_map import ABSENT
from nirx_jax.bridges.brainpy_layers import MODULE_MAP
from nirx_jax.bridges.brainpy_units import plain, unit_of

__all__ = ["State", "asked", "layers_of", "read_state", "replaced", "write_state"]

State = dict[Any, Any]

BEFORE = "_before_updates"
"""Where brainpy keeps the modules that a neuron calls before its update."""


def asked(cells: dict[str, Any], spikes: dict[str, Any]) -> Any:
    """While entered, neurons that are asked for spikes between updates return those of the last.

    `get_spike` computes the spikes from V, which is not an output of a NIR node; but they are the
    spikes of the last update, which are.
    """

    def answer(name: str, own: Any) -> Any:
        return lambda V=None: spikes[name] if V is None else own(V)  # noqa: N803

    return _with("get_spike", [(cell, answer(n, cell.get_spike)) for n, cell in cells.items()])


def replaced(model: Any, make: Callable[[str, Any, Any], Any]) -> Any:
    """While entered, the updates of all mapped modules are replaced.

    Arguments:
        make: (name, module, its update) -> the replacement.
    """
    return _with("update", [(m, make(name, m, m.update)) for name, m in layers_of(model)])


@contextmanager
def _with(attribute: str, values: list[tuple[Any, Any]]) -> Iterator[None]:
    for module, value in values:
        object.__setattr__(module, attribute, value)
    try:
        yield
    finally:
        for module, _ in values:
            object.__delattr__(module, attribute)


def layers_of(model: Any) -> list[tuple[str, Any]]:
    """The outermost mapped modules by their names in the graph."""
    found: list[tuple[Any, Any]] = []
    for path, part in sorted(model.nodes().items(), key=lambda item: len(item[0])):
        below = any(_is_inside(path, other) for other, _ in found)
        if not below and find_exporter(type(part), MODULE_MAP) is not ABSENT:
            found.append((path, part))
    kind = type(model).__name__.lower()
    known: dict[Any, str] = {}
    return [(_layer_name(path, known) or kind, part) for path, part in found]


def _is_inside(path: Any, other: Any) -> bool:
    """Whether a module is part of another. Those that a projection makes a neuron call before its
    update are not."""
    own = path[len(other) :]
    return path[: len(other)] == other and own[:1] != (BEFORE,)


def _layer_name(path: Any, known: dict[Any, str]) -> str:
    """The path with dots, and a number where brainpy has only a description."""
    if BEFORE not in path:
        return ".".join(map(str, path))
    at = path.index(BEFORE)
    number = known.setdefault(path[: at + 2], str(len(known)))
    return ".".join(map(str, (*path[:at], "before", number, *path[at + 2 :])))


def read_state(model: Any) -> State:
    """The state of a module, without its parameters."""
    states = model.states().items()
    return {
        ".".join(map(str, path)): plain(s.value)
        for path, s in states
        if not isinstance(s, brainstate.ParamState)
    }


def write_state(model: Any, state: State) -> None:
    """Give a module new states with these values. brainstate does not allow to write a State in a
    trace that it was not made in."""
    for path, own in model.states().items():
        name = ".".join(map(str, path))
        if name in state:
            unit = unit_of(own.value)
            parent = model
            for key in path[:-1]:
                held = isinstance(parent, dict | list | tuple)
                parent = parent[key] if held else getattr(parent, key)
            value = state[name] if unit is None else state[name] * unit
            setattr(parent, path[-1], type(own)(value))
