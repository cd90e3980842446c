"""Calls of compiled functions of a network, which is looked at once.

`eqx.filter_jit` sorts the arrays of its arguments from the rest, and hashes the rest, in every
call: that takes longer than a short run. A network never changes, so both are remembered.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import equinox as eqx
import jax
from jax.core import Tracer
from jax.tree_util import Partial

from nirx_jax.ops import JaxOps

__all__ = ["Compiled", "Known", "known", "plain_method"]


F = TypeVar("F", bound=Callable[..., Any])


def plain_method(function: F) -> F:
    """A method of an `equinox.Module` that is bound quickly.

    Bound, it is a pytree that can be passed to JAX, as other methods of modules are; but Equinox
    builds a checked module for that at every access, which takes a fifth of a short run.
    """
    return cast(Any, _PlainMethod(function))


class _PlainMethod:
    def __init__(self, function: Callable[..., Any]):
        self._function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self._function
        bound = Partial(self._function, instance)
        bound.__doc__ = self.__doc__
        return bound


class Structure:
    """A network without its arrays. Equal ones share one compilation."""

    def __init__(self, tree: Any):
        self.tree, self._hash = tree, hash(tree)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Structure) and self._hash == other._hash and self.tree == other.tree
        )


@dataclass(frozen=True)
class Known:
    """What is remembered of a network.

    Arguments:
        ops: its operations.
        arrays, structure: the network in two parts. There is no structure where users' modules run
            nodes: they may hold and return what is not an array.
    """

    ops: JaxOps
    arrays: list[Any]
    structure: Structure | None

    @classmethod
    def of(cls, net: Any, ops: JaxOps, native: bool) -> Known:
        """Look at a network.

        Arguments:
            native: whether nirx runs all of its nodes.
        """
        arrays, tree = jax.tree.flatten(net)
        plain = native and all(isinstance(array, jax.Array) for array in arrays)
        return cls(ops, arrays, Structure(tree) if plain else None)


_KNOWN: dict[int, tuple[weakref.ref[Any], Known]] = {}
"""By `id`, because networks compare and hash by their arrays."""


def known(net: Any, look: Callable[[Any], Known]) -> Known:
    """What is remembered of a network; `look` finds it where nothing is."""
    key = id(net)
    found = _KNOWN.get(key)
    if found is not None and found[0]() is net:
        return found[1]
    result = look(net)
    if not any(isinstance(array, Tracer) for array in result.arrays):
        _KNOWN[key] = weakref.ref(net, lambda _: _KNOWN.pop(key, None)), result
    return result


class Compiled:
    """A function of (network, inputs, state, *options), compiled.

    Arguments:
        look: as for `known`.
    """

    def __init__(self, function: Callable[..., Any], look: Callable[[Any], Known]):
        def whole(structure: Structure, options: Any, arrays: Any, x: Any, state: Any) -> Any:
            return function(jax.tree.unflatten(structure.tree, arrays), x, state, *options)

        self._look = look
        self._general = eqx.filter_jit(function)
        self._short = jax.jit(whole, static_argnums=(0, 1))

    def __call__(self, net: Any, x: Any, state: Any, *options: Any) -> Any:
        own = known(net, self._look)
        if own.structure is None:
            return self._general(net, x, state, *options)
        return self._short(own.structure, options, own.arrays, x, state)
