"""The registry of NIR node types: the dynamics of each, and what a file stores of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import nir
import numpy as np

from nirx.dynamics.base import Dynamics
from nirx.dynamics.conv import Conv1d, Conv2d
from nirx.dynamics.cuba import CurrentBasedIntegrateAndFire, CurrentBasedIntegrator
from nirx.dynamics.delay import Delay
from nirx.dynamics.elementwise import Scale, Threshold
from nirx.dynamics.expressed import ExpressedNeuron
from nirx.dynamics.integrator import IntegrateAndFire, Integrator
from nirx.dynamics.leaky import LeakyIntegrateAndFire, LeakyIntegrator
from nirx.dynamics.linear import Affine, Linear
from nirx.dynamics.neuron_node import Neuron
from nirx.dynamics.ops import Shape
from nirx.dynamics.parameters import NodeMismatch
from nirx.dynamics.plugged_types import brought_by, load_type
from nirx.dynamics.pool import AvgPool2d, SumPool2d
from nirx.dynamics.registration import require_dynamics, require_names, require_shape_rule
from nirx.dynamics.reshape import Flatten, Port
from nirx.errors import InputError, UnsupportedError

__all__ = [
    "NATIVE_TYPES",
    "NodeType",
    "bypassed_type",
    "claimed_graph",
    "find_type",
    "has_neuron",
    "known_names",
    "mapped_type",
    "register_type",
    "stored_names",
    "type_named",
]

NOT_STORED = ("input_type", "output_type", "metadata")


@dataclass(frozen=True)
class NodeType:
    """What nirx knows about a NIR node type.

    Arguments:
        nir_type: the class of the nodes.
        dynamics: its equations; None if only a `node_map` can run it.
        infer_shape: (node, input shape) -> output shape; may raise `NodeMismatch`.
        stored: names of the attributes that a `.nir` file stores.
        neuron: whether the feedback rule counts it as a neuron.
    """

    nir_type: type
    dynamics: type[Dynamics] | None
    infer_shape: Callable[[Any, Shape], Shape]
    stored: tuple[str, ...]
    neuron: bool

    @property
    def name(self) -> str:
        return self.nir_type.__name__


def _entry(
    nir_type: type,
    dynamics: type[Dynamics] | None,
    infer_shape: Callable[[Any, Shape], Shape] | None = None,
    stored: tuple[str, ...] | None = None,
    neuron: bool | None = None,
) -> NodeType:
    if infer_shape is None:
        infer_shape = dynamics.infer_shape if dynamics else _same_shape
    if neuron is None:
        neuron = dynamics.neuron if dynamics else False
    own = _fields(nir_type) if stored is None else stored
    return NodeType(nir_type, dynamics, infer_shape, own, neuron)


def _fields(nir_type: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(nir_type) if f.name not in NOT_STORED)


def _same_shape(node: Any, input_shape: Shape) -> Shape:
    return input_shape


_TYPES: dict[type, NodeType] = {
    nir.Input: _entry(nir.Input, Port, stored=("shape",)),
    nir.Output: _entry(nir.Output, Port, stored=("shape",)),
    nir.Affine: _entry(nir.Affine, Affine),
    nir.Linear: _entry(nir.Linear, Linear),
    nir.Scale: _entry(nir.Scale, Scale),
    nir.Conv1d: _entry(nir.Conv1d, Conv1d),
    nir.Conv2d: _entry(nir.Conv2d, Conv2d),
    nir.SumPool2d: _entry(nir.SumPool2d, SumPool2d),
    nir.AvgPool2d: _entry(nir.AvgPool2d, AvgPool2d),
    nir.Flatten: _entry(nir.Flatten, Flatten, stored=("input_type", "start_dim", "end_dim")),
    nir.Delay: _entry(nir.Delay, Delay),
    nir.Threshold: _entry(nir.Threshold, Threshold),
    nir.I: _entry(nir.I, Integrator),
    nir.IF: _entry(nir.IF, IntegrateAndFire),
    nir.LI: _entry(nir.LI, LeakyIntegrator),
    nir.LIF: _entry(nir.LIF, LeakyIntegrateAndFire),
    nir.CubaLI: _entry(nir.CubaLI, CurrentBasedIntegrator),
    nir.CubaLIF: _entry(nir.CubaLIF, CurrentBasedIntegrateAndFire),
}
"""NIR's own types except NIRGraph, which `nirx.graphs.flatten` inlines."""


NATIVE_TYPES = tuple(_TYPES)
"""NIR's own types that nirx runs itself."""

_TYPES[Neuron] = _entry(Neuron, ExpressedNeuron, stored=())  # see `stored_names`


def stored_names(node: Any) -> tuple[str, ...]:
    """Names of what a file stores of a node of a known type."""
    if isinstance(node, Neuron):
        return tuple(node.contents())
    entry = find_type(type(node))
    return entry.stored if entry else ()


def find_type(node_class: type) -> NodeType | None:
    """The entry of a class or of its nearest registered base class, or None."""
    found = _registered(node_class)
    if found is None and issubclass(node_class, nir.NIRNode):
        names = (base.__name__ for base in node_class.__mro__)
        if any(load_type(name) for name in names):
            return _registered(node_class)
    return found


def _registered(node_class: type) -> NodeType | None:
    return next((_TYPES[c] for c in node_class.__mro__ if c in _TYPES), None)


def type_named(name: str) -> NodeType | None:
    """The entry of a type by its name in a file, or None.

    **Raises**: `UnsupportedError` where the package that brings the type fails.
    """
    found = _named(name)
    if found is None and name not in known_names() and load_type(name):
        found = _named(name)
        if found is None:
            raise UnsupportedError(
                f"node type {name!r}: {brought_by(name)} brings it, but its entry point registers "
                "no type of that name; it has to call nirx.register_type when it is loaded"
            )
    return found


def _named(name: str) -> NodeType | None:
    return next((t for t in _TYPES.values() if t.name == name), None)


def known_names() -> list[str]:
    """Names of all types that a file may contain."""
    return [*(t.name for t in _TYPES.values()), "NIRGraph"]


def register_type(
    nir_type: type,
    *,
    infer_shape: Callable[[Any, Shape], Shape] | None = None,
    dynamics: type[Dynamics] | None = None,
    stored: tuple[str, ...] | None = None,
    neuron: bool | None = None,
) -> NodeType:
    """Register your own node type.

    Arguments:
        nir_type: a subclass of `nir.NIRNode`, usually a dataclass of arrays.
        infer_shape: (node, input shape) -> output shape. Default: that of `dynamics`, else
            the output has the input's shape.
        dynamics: a subclass of `nirx.dynamics.Dynamics`; with it the type runs on every
            backend. Without it, the type needs an entry in the `node_map` of each backend.
        stored: attributes that `nirx.write` stores and `nirx.read` restores. Default: the
            dataclass fields.
        neuron: whether the feedback rule counts it as a neuron. Default: that of `dynamics`,
            else False.

    Returns: the new entry.

    **Raises**: `InputError` if the type, or another type with its name, is already registered; or
    with the class and the member where `dynamics`, `infer_shape` or `stored` do not fit.
    """
    if not (isinstance(nir_type, type) and issubclass(nir_type, nir.NIRNode)):
        raise InputError(f"register_type: {nir_type!r} is not a subclass of nir.NIRNode")
    if nir_type.__name__ in known_names():
        raise InputError(f"register_type: there is a node type {nir_type.__name__!r} already")
    at = f"register_type({nir_type.__name__})"
    if infer_shape is not None:
        require_shape_rule(infer_shape, at)
    if stored is not None:
        require_names(stored, f"{at}: stored")
    own = _fields(nir_type) if stored is None else tuple(stored)
    if dynamics is not None:
        require_dynamics(nir_type, dynamics, own, infer_shape is not None, at)
    entry = _entry(nir_type, dynamics, infer_shape, own, neuron)
    _TYPES[nir_type] = entry
    return entry


def mapped_type(nir_type: type) -> NodeType:
    """The entry of a type that only a `node_map` knows: its nodes declare their own shapes."""
    return NodeType(nir_type, None, _declared_output, (), False)


def bypassed_type(nir_type: type) -> NodeType:
    """The entry of a type that a `node_map` bypasses: the value passes through unchanged."""
    return NodeType(nir_type, None, _same_shape, (), False)


def claimed_graph(graph: nir.NIRGraph) -> NodeType:
    """The entry of a whole subgraph that a `node_map` claims: one Input, one Output."""
    return NodeType(nir.NIRGraph, None, _claimed_output, (), has_neuron(graph))


def has_neuron(node: Any) -> bool:
    """Whether a node is a neuron, or a graph that contains one."""
    if isinstance(node, nir.NIRGraph):
        return any(has_neuron(below) for below in node.nodes.values())
    entry = find_type(type(node))
    return entry is not None and entry.neuron


def _claimed_output(graph: nir.NIRGraph, input_shape: Shape) -> Shape:
    shapes = []
    for port in (nir.Input, nir.Output):
        ports = [node for node in graph.nodes.values() if isinstance(node, port)]
        shape = Port.declared_shapes(ports[0])[0] if len(ports) == 1 else None
        if shape is None:
            raise NodeMismatch(
                f"node_map claims a subgraph with {len(ports)} {port.__name__}s",
                f"one {port.__name__} that declares its shape",
            )
        shapes.append(shape)
    if shapes[0] != input_shape:
        raise NodeMismatch(f"the input has shape {input_shape}", f"an input of shape {shapes[0]}")
    return shapes[1]


def _declared_output(node: Any, input_shape: Shape) -> Shape:
    declared = getattr(node, "output_type", None)
    value = declared.get("output") if isinstance(declared, dict) else None
    return input_shape if value is None else tuple(int(n) for n in np.atleast_1d(value))
