"""The moments of optax's optimizers under NIR's names, to go on training on another backend.

A state of optax is a tree of named tuples; those that hold moments are known by their names, so
that optax need not be installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nirx.errors import InputError, UnsupportedError, warn_caller
from nirx.execution.forms import Form
from nirx.execution.moments import NAMES, Held, Moments, fitted_moments, moment_entry
from nirx.execution.parameters import parameter_key
from nirx_jax.net import Net
from nirx_jax.parameters import form_of, require_network
from nirx_jax.training import slots_of_leaf

__all__ = ["get_moments", "set_moments"]

KINDS = {
    "ScaleByAdamState": {"mu": "first", "nu": "second"},
    "TraceState": {"trace": "first"},
}
"""The trees in a state of optax, and nirx's names of what they hold."""


def get_moments(net: Net, opt_state: Any) -> Moments:
    """What an optimizer remembers about the parameters of a network.

    Arguments:
        net: of `from_nir` or `nir_to_jax`.
        opt_state: of optax's adam, adamw or sgd with momentum, alone or in a chain, masked or
            injected; initialized with the network, or a part of it that `eqx.filter` or
            `eqx.partition` left, alone or inside a larger tree.

    Returns: {"fc.weight": {"step": n, "first": array, "second": array}, ...} of NumPy arrays, for
    `set_moments` of any backend; SGD has "first" only. A parametrized parameter has the moments
    of its raw array.

    **Raises**: `UnsupportedError` for an optimizer that remembers something else, `InputError` for
    a state without moments of this network. The states of `optax.adamax` and `adam` have the same
    form: a `NirxWarning` says where the numbers look like those of adamax.
    """
    found: dict[str, dict[str, Any]] = {}
    forms = _forms(require_network(net))
    for state, kind in _states(net, opt_state):
        for tree, name in kind.items():
            for key, leaf in _leaves(net, getattr(state, tree)).items():
                found.setdefault(key, {})[name] = leaf
                if "count" in state._fields:
                    found[key]["step"] = state.count
    moments = {key: moment_entry(own, forms[key]) for key, own in found.items()}
    if _like_adamax(moments):
        warn_caller(
            "these moments look like those of optax.adamax, which keeps the largest gradient where "
            "adam keeps the mean of squares; only those of adam, adamw and sgd can be handed over"
        )
    return moments


def set_moments(net: Net, opt_state: Any, moments: Mapping[str, Any]) -> Any:
    """A state that goes on from moments.

    Arguments:
        net: of `from_nir` or `nir_to_jax`.
        opt_state: of an optimizer with the same settings as where the moments come from; see
            `get_moments`. Left as it is.
        moments: what `get_moments` of any backend returned. Other parameters keep theirs.

    Returns: the new state. All its counts of steps are set, also those of schedules.

    **Raises**: `InputError` for moments that do not fit, or differ in their numbers of steps,
    `UnsupportedError` for an optimizer that remembers something else.
    """
    forms = _forms(net)
    held = {
        key: Held(own["first"].shape, forms[key], tuple(name for name in NAMES if name in own))
        for key, own in get_moments(net, opt_state).items()
    }
    fitted = fitted_moments(moments, held)
    steps = {int(entry["step"]) for entry in fitted.values() if "step" in entry}
    if len(steps) > 1:
        raise InputError(
            f"the moments are of {min(steps)} to {max(steps)} steps; expected one number, because "
            "optax counts the steps of all parameters together"
        )

    def renewed(state: Any) -> Any:
        kind = KINDS.get(type(state).__name__)
        if kind is None:
            return state
        trees = {
            tree: _with_leaves(net, getattr(state, tree), name, fitted)
            for tree, name in kind.items()
        }
        return state._replace(**trees)

    def counted(place: Any, leaf: Any) -> Any:
        if not steps or getattr(place[-1] if place else None, "name", "") != "count":
            return leaf
        return jnp.asarray(next(iter(steps)), leaf.dtype)

    new = jax.tree.map(renewed, opt_state, is_leaf=_is_known)
    return jax.tree_util.tree_map_with_path(counted, new)


def _like_adamax(moments: Moments) -> bool:
    """Whether the second moments are those of adamax.

    They are never 0 after a step, and never below the size of the first. Those of adam are: where
    a gradient is always 0, and where it is small.
    """
    pairs = [(own["first"], own["second"]) for own in moments.values() if own.get("step")]
    pairs = [(first, second) for first, second in pairs if first.size]
    return bool(pairs) and all(
        (second > 0).all() and (second >= 0.98 * np.abs(first)).all() for first, second in pairs
    )


def _is_known(state: Any) -> bool:
    return type(state).__name__ in KINDS


def _is_net(tree: Any) -> bool:
    return isinstance(tree, Net)


def _states(net: Net, opt_state: Any) -> Iterator[tuple[Any, dict[str, str]]]:
    """The parts of a state that hold moments. **Raises** where there is none, or another."""
    parts = jax.tree.leaves(opt_state, is_leaf=lambda part: _is_known(part) or _is_net(part))
    if any(_is_net(part) for part in parts):
        raise UnsupportedError(
            "the optimizer remembers something that has no counterpart on other backends; "
            "expected optax's adam, adamw, or sgd with momentum"
        )
    known = [part for part in parts if _is_known(part)]
    if not any(_leaves(net, getattr(s, t)) for s in known for t in KINDS[type(s).__name__]):
        raise InputError(
            "the state of the optimizer has no moments of this network; expected the state of "
            "optax's adam, adamw, or sgd with momentum, initialized with eqx.filter(net, "
            "eqx.is_inexact_array) or eqx.partition(net, nirx.trainable(net, ...))[0]"
        )
    return ((state, KINDS[type(state).__name__]) for state in known)


def _leaves(net: Net, tree: Any) -> dict[str, Any]:
    """The arrays of a network's parameters in a tree of moments, by key."""
    slots, found = slots_of_leaf(net), {}
    for part in jax.tree.leaves(tree, is_leaf=_is_net):
        if _is_net(part) and part.origin == net.origin:
            for place, leaf in jax.tree_util.tree_leaves_with_path(part):
                for slot in slots.get(place, ()):
                    found[parameter_key(net.schedule, slot)] = leaf
    return found


def _with_leaves(net: Net, tree: Any, name: str, fitted: Moments) -> Any:
    """The tree of moments with those that are given."""
    slots = slots_of_leaf(net)

    def put(place: Any, leaf: Any) -> Any:
        keys = [parameter_key(net.schedule, slot) for slot in slots.get(place, ())]
        given = next((fitted[key][name] for key in keys if key in fitted), None)
        return leaf if given is None else jnp.asarray(given, leaf.dtype)

    def renewed(part: Any) -> Any:
        own = _is_net(part) and part.origin == net.origin
        return jax.tree_util.tree_map_with_path(put, part) if own else part

    return jax.tree.map(renewed, tree, is_leaf=_is_net)


def _forms(net: Net) -> dict[str, Form | None]:
    slots = [slot for own in slots_of_leaf(net).values() for slot in own]
    return {parameter_key(net.schedule, slot): form_of(net, slot) for slot in slots}
