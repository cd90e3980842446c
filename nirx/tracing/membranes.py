"""States of modules that a traced program returns or computes with: recordings, or an LI.

A NIR node passes on its output only. A membrane potential that a program returns is therefore
kept as a recording (`nirx.graphs.returns`). Where a neuron never resets and its spikes are not
used, it is an LI, whose output is the membrane potential itself.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import nir

from nirx.basics.paths import format_path
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.node_types import find_type
from nirx.errors import UnsupportedError, warn_caller
from nirx.graphs.metadata import RULE_KEY
from nirx.tracing.value import Value

if TYPE_CHECKING:
    from nirx.tracing.draft import Draft

__all__ = [
    "Recorded",
    "is_record",
    "map_recorded",
    "membrane_value",
    "never_resets",
    "recorded",
    "settle_membranes",
    "take_names",
    "warn_of_recordings",
    "with_names",
]

NAMES_KEY = "nirx_state_names"
"""On a node of an exporter: where its module's state keeps which variable, as JSON."""

SILENT = {nir.LIF: nir.LI, nir.IF: nir.I, nir.CubaLIF: nir.CubaLI}


@dataclass(frozen=True)
class Recorded:
    """A state variable of a node of the draft.

    Arguments:
        node: its name.
        variable: such as "v", or "lif.v" for a node inside a graph.
    """

    node: str
    variable: str

    def key(self, path: tuple[str, ...]) -> str:
        """The key of its recording, where its node has this path in the finished graph."""
        *inside, variable = self.variable.split(".")
        return f"{format_path((*path, *inside))}.{variable}"


def with_names(node: Any, names: Mapping[str, str]) -> Any:
    """The node itself, with the places of variables in its module's state.

    Arguments:
        names: place in what the module returns, such as "1" or "1.v" -> variable, such as "v",
            or "lif.v" in a graph; "" for a variable that is not NIR's.
    """
    node.metadata = {**(node.metadata or {}), NAMES_KEY: json.dumps(dict(names))}
    return node


def take_names(node: Any) -> None:
    """Remove the places from a node that belongs to nirx."""
    metadata = getattr(node, "metadata", None)
    if isinstance(metadata, dict) and NAMES_KEY in metadata:
        node.metadata = {k: v for k, v in metadata.items() if k != NAMES_KEY}


def recorded(draft: Draft, node: str, path: tuple[Any, ...], where: str) -> Any:
    """The recording, or dict of recordings, at a place in what a module returns.

    Arguments:
        node: the module's node in the draft.
        path: keys; the state of a module that returns (y, state) begins at (1,).
        where: for errors.

    **Raises**: `UnsupportedError` where nirx does not know which variable that is.
    """
    text = ".".join(map(str, path))
    names = _names(draft.nodes[node])
    prefix = f"{text}." if text else ""
    below = {k.removeprefix(prefix): v for k, v in names.items() if k.startswith(prefix)}
    below |= {"": names[text]} if text in names else {}
    if "" in below.values():
        raise UnsupportedError(
            f"{where} includes a variable of {node!r} that is not NIR's: it has other units"
        )
    if len(below) == 1:
        return Recorded(node, next(iter(below.values())))
    if below:
        return {key.rpartition(".")[2]: Recorded(node, v) for key, v in sorted(below.items())}
    raise UnsupportedError(
        f"{where} is a part of the state of {node!r} ({type(draft.nodes[node]).__name__}), and "
        "nirx does not know which variable; return v by its name, or let the module's exporter "
        "say it (nirx.tracing.membranes.with_names)"
    )


def is_record(draft: Draft, node: str) -> bool:
    """Whether the state of a module is known to be a record of variables, not a bare array."""
    given = NAMES_KEY in (draft.nodes[node].metadata or {})
    return given and "1" not in _names(draft.nodes[node])


def _names(node: Any) -> dict[str, str]:
    """Place in what a module returns -> variable. Without any given, v and i go by their names."""
    text = (node.metadata or {}).get(NAMES_KEY)
    if text is not None:
        return json.loads(text)
    entry = find_type(type(node))
    if isinstance(node, nir.NIRGraph) or entry is None or not entry.neuron:
        return {}
    variables = ["v", "i"] if isinstance(node, nir.CubaLIF | nir.CubaLI) else ["v"]
    return {f"1.{name}": name for name in variables}


def membrane_value(draft: Draft, part: Recorded, refusal: str) -> Value:
    """A membrane potential as a value: an LI in place of a neuron that never resets.

    **Raises**: `UnsupportedError`, with the refusal, for any other neuron or variable.
    """
    node = draft.nodes[part.node]
    kind = type(node)
    if part.variable == "v" and kind in (nir.LI, nir.I, nir.CubaLI):
        return Value((part.node,), draft.shapes[part.node])
    if not never_resets(draft, part):
        raise UnsupportedError(
            f"{refusal}; a NIR node passes on its output only: return the state, which is then "
            "kept as a recording"
        )
    twin = draft.twins.get(part.node)  # made once
    if twin is None:
        parameters = {k: copy.deepcopy(getattr(node, k)) for k in _stored(SILENT[kind])}
        own = SILENT[kind](**parameters)
        own.metadata = {k: v for k, v in node.metadata.items() if k != NAMES_KEY}
        twin = draft.put(f"{part.node}_v", own, draft.shapes[part.node])
        draft.edges += [(source, twin) for source, target in draft.edges if target == part.node]
        if part.node in draft.modules:
            draft.modules[twin] = draft.modules[part.node]
        draft.twins[part.node] = twin
    return Value((twin,), draft.shapes[twin])


def _stored(kind: type) -> tuple[str, ...]:
    entry = find_type(kind)
    assert entry is not None, "one of NIR's own types"
    return entry.stored


def _rule(node: Any) -> Discretization | None:
    text = (node.metadata or {}).get(RULE_KEY)
    return None if text is None else Discretization.from_json(text)


def never_resets(draft: Draft, part: Recorded) -> bool:
    """Whether an LI can take the place of a neuron, as far as the neuron itself goes."""
    node = draft.nodes[part.node]
    rule = _rule(node)
    return (
        part.variable == "v" and type(node) in SILENT and rule is not None and rule.reset == "none"
    )


def settle_membranes(draft: Draft) -> None:
    """Let every LI take the place of the neuron it was made from.

    **Raises**: `UnsupportedError` where the spikes of such a neuron are used too.
    """
    for name, twin in draft.twins.items():
        sources = {source for source, _ in draft.edges}
        loops = {s for loop in draft.loops if loop.value for s in loop.value.sources}
        if name in sources or name in loops:
            raise UnsupportedError(
                f"{name}: its spikes and its membrane potential are both used as values, which "
                "has no NIR node; a NIR node has one output. Return one of them only: it is "
                "then kept as a recording"
            )
        draft.remove(name)
        draft.rename(twin, name)
    draft.twins.clear()


def map_recorded(tree: Any, function: Callable[[Recorded], Recorded]) -> Any:
    """What a program returns, with other recordings."""
    if isinstance(tree, list):
        return [map_recorded(part, function) for part in tree]
    if isinstance(tree, dict):
        return {name: map_recorded(part, function) for name, part in tree.items()}
    return function(tree) if isinstance(tree, Recorded) else tree


def warn_of_recordings(draft: Draft) -> None:
    """Warn about what a program returns that no Output carries."""
    keys: list[str] = []
    map_recorded(draft.returns, lambda part: keys.append(part.key((part.node,))) or part)
    warn_caller(
        f"{draft.returned_by} returns membrane potentials or currents, which no NIR Output can "
        f"carry: they are kept as recordings ({', '.join(map(repr, keys))}) that the graph's "
        "metadata names, and networks of nirx return them; other readers see the Outputs only"
    )
