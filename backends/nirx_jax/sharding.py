"""One network on many devices: where a run's arrays are put, and meshes with explicit axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.core import Tracer
from jax.sharding import AxisType, NamedSharding, PartitionSpec, reshard, use_abstract_mesh

from nirx.errors import InputError, did_you_mean
from nirx.graphs.schedule import Schedule

__all__ = ["left_to_xla", "require_one_place", "spread"]

FORM = 'jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(None, "batch"))'


def spread(schedule: Schedule, net: Any, xs: Any, state: Any, sharding: Any) -> Any:
    """The network, inputs and state of a run on many devices.

    The inputs are spread as `sharding` says, a state over the batch as they are. Parameters that
    are not on all of the devices yet are copied to each.

    Arguments:
        xs: [time, *batch, *features], or a dict of such by Input. In one of several processes:
            the whole array, the same in each, or one that is spread over them already.
        sharding: a `NamedSharding`, or a `PartitionSpec` over the mesh of `jax.set_mesh`.

    **Raises**: `InputError` for a sharding that does not fit.
    """
    sharding = _required(sharding)
    if isinstance(xs, Mapping):
        xs = {name: _input(x, sharding, f"input {name!r}") for name, x in xs.items()}
    else:
        xs = _input(xs, sharding, "the input")
    batch, spec = _batch(schedule, xs, time=True, spec=sharding.spec)

    def put(leaf: Any, spec: PartitionSpec) -> Any:
        if isinstance(leaf, Tracer) or not isinstance(leaf, jax.Array):
            return leaf
        if leaf.sharding.device_set == sharding.device_set:
            return leaf
        return _put(leaf, NamedSharding(sharding.mesh, spec))

    net = jax.tree.map(lambda leaf: put(leaf, PartitionSpec()), net)
    return net, xs, jax.tree.map(lambda leaf: put(leaf, _like(leaf, batch, spec)), state)


def _required(sharding: Any) -> NamedSharding:
    """The same with its mesh. **Raises** `InputError`."""
    if isinstance(sharding, PartitionSpec):
        mesh = jax.sharding.get_mesh()
        if mesh.empty:
            raise InputError(
                f"sharding is {sharding} and there is no mesh; use `with jax.set_mesh(mesh):`, "
                f"or {FORM}"
            )
        for name in (name for entry in sharding for name in _names(entry)):
            if name not in mesh.axis_names:
                hint = did_you_mean(str(name), mesh.axis_names)
                raise InputError(f"sharding is {sharding}; the mesh has no axis {name!r}; {hint}")
        sharding = NamedSharding(mesh, sharding)
    if isinstance(sharding, NamedSharding) and PartitionSpec.UNCONSTRAINED in sharding.spec:
        raise InputError(f"sharding is {sharding.spec}; expected the name of an axis, or None")
    if not isinstance(sharding, NamedSharding):
        raise InputError(f"sharding is a {type(sharding).__name__}; expected {FORM}")
    if _names(next(iter(sharding.spec), None)):
        raise InputError(
            f"sharding is {sharding.spec}; its first axis is time, whose steps follow one another; "
            "leave it whole: PartitionSpec(None, ...)"
        )
    return sharding


def _input(x: jax.Array, sharding: NamedSharding, where: str) -> jax.Array:
    """An array on the devices of a sharding. **Raises** `InputError` where it does not fit."""
    shape, spec, sizes = tuple(x.shape), sharding.spec, sharding.mesh.shape
    if len(spec) > len(shape):
        raise InputError(
            f"{where} has shape {shape}, and sharding {spec} has {len(spec)} axes; "
            f"expected at most {len(shape)}"
        )
    for axis, (length, entry) in enumerate(zip(shape, spec, strict=False)):
        parts = math.prod(sizes[name] for name in _names(entry))
        if length % parts:
            names = " x ".join(f"{name!r}" for name in _names(entry))
            raise InputError(
                f"{where} has shape {shape}; axis {axis} of {length} cannot be divided over the "
                f"{parts} devices of mesh axis {names}; pad it to {-(-length // parts) * parts}, "
                "or use a mesh with fewer devices"
            )
    return _put(x, sharding)


def left_to_xla(call: Callable[..., Any], schedule: Schedule, time: bool, *arguments: Any) -> Any:
    """`call(*arguments)`, in which XLA chooses the sharding of every value.

    `jax.make_mesh` makes meshes whose axes are part of the types of arrays, so that a program has
    to say how each of its values is spread, also in its gradient. Inside a network XLA does that
    as well as for other meshes.

    Arguments:
        call: (network, inputs, state) -> (outputs, state, *recordings).
        time: whether the inputs and outputs have time as their first axis.
    """
    inputs = jax.tree.leaves(arguments[1])
    explicit = _explicit_axes(inputs)
    if not explicit:
        return call(*arguments)
    kind = jax.typeof(inputs[0]).sharding
    batch, spec = _batch(schedule, arguments[1], time, kind.spec)
    free = kind.mesh.update_axis_types(dict.fromkeys(explicit, AxisType.Auto))
    with use_abstract_mesh(free):
        arrays, rest = eqx.partition(arguments, eqx.is_array)
        arrays = reshard(arrays, PartitionSpec())
        outputs, state, *recordings = call(*eqx.combine(arrays, rest))
    lead = PartitionSpec(None, *spec) if time else spec

    def back(tree: Any, of: Callable[[Any], PartitionSpec]) -> Any:
        return jax.tree.map(lambda a: reshard(a, NamedSharding(kind.mesh, of(a))), tree)

    state = back(state, lambda leaf: _like(leaf, batch, spec))
    return back(outputs, lambda _: lead), state, *back(recordings, lambda _: lead)


def require_one_place(net: Any, x: Any, state: Any) -> None:
    """Whether a program can have all of this: it runs on one set of devices.

    **Raises**: `InputError` where arrays were put on different devices.
    """
    if jax.device_count() == 1:
        return
    found: dict[frozenset[Any], str] = {}
    for what, tree in (("the input", x), ("the state", state), ("the network", net)):
        for leaf in jax.tree.leaves(tree):
            if isinstance(leaf, jax.Array) and not isinstance(leaf, Tracer) and leaf.committed:
                found.setdefault(frozenset(leaf.sharding.device_set), what)
    if len(found) > 1:
        (first, what), (other, second) = list(found.items())[:2]
        raise InputError(
            f"{what} is on {_devices(first)} and {second} on {_devices(other)}; put both on the "
            "same with jax.device_put, or pass sharding= to net.run"
        )


def _devices(devices: frozenset[Any]) -> str:
    one, count = min(devices, key=lambda device: device.id), len(devices)
    return str(one) if count == 1 else f"{count} devices ({one}, ...)"


def _explicit_axes(arrays: list[Any]) -> list[str]:
    """The axes of the arrays' mesh that are part of their types."""
    if not arrays:
        return []
    mesh = jax.typeof(arrays[0]).sharding.mesh
    kinds = zip(mesh.axis_names, mesh.axis_types, strict=True)
    return [name for name, kind in kinds if kind == AxisType.Explicit]


def _names(entry: Any) -> tuple[str, ...]:
    """The mesh axes of one entry of a spec."""
    if entry is None:
        return ()
    return tuple(entry) if isinstance(entry, tuple) else (entry,)


def _batch(
    schedule: Schedule, x: Any, time: bool, spec: PartitionSpec
) -> tuple[tuple[int, ...], PartitionSpec]:
    """The shape of the batch, and how it is divided; none where the inputs will be refused."""
    name, position = schedule.inputs[0]
    array = x.get(name) if isinstance(x, Mapping) else x
    if array is None:
        return (), PartitionSpec()
    start = int(time)
    stop = max(start, array.ndim - len(schedule.nodes[position].input_shape))
    return tuple(array.shape[start:stop]), PartitionSpec(*spec[start:stop])


def _like(leaf: Any, batch: tuple[int, ...], spec: PartitionSpec) -> PartitionSpec:
    """Of a leaf of a state; that of a user's module may have no batch."""
    return spec if np.shape(leaf)[: len(batch)] == batch else PartitionSpec()


def _put(x: Any, sharding: NamedSharding) -> jax.Array:
    if isinstance(x, Tracer):
        free = all(kind == AxisType.Auto for kind in sharding.mesh.axis_types)
        return (jax.lax.with_sharding_constraint if free else reshard)(x, sharding)
    if jax.process_count() == 1 or not x.is_fully_addressable:
        return jax.device_put(x, sharding)
    # Every process holds all of it, and gives its own devices their parts.
    whole = np.asarray(x)
    return jax.make_array_from_callback(whole.shape, sharding, lambda part: whole[part])
