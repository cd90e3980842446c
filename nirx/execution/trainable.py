"""`trainable`, `freeze` and `parametrize`: what is trained, by path pattern, on every backend."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import singledispatch
from typing import Any, Literal, Protocol

import numpy as np

from nirx.basics.patterns import fits
from nirx.errors import InputError, UnsupportedError, did_you_mean, shortened
from nirx.execution.forms import POSITIVE, Form, Positive

__all__ = ["NetParameters", "freeze", "parameters_of", "parametrize", "trainable"]


class NetParameters(Protocol):
    """The parameters of one network, as a backend with gradients offers them.

    A parameter's key is `parameter_key`: the node's path, a dot, its name in NIR.
    """

    def nodes(self) -> Mapping[str, str]:
        """The path of its node for the key of every parameter, in the schedule's order."""
        ...

    def values(self) -> Mapping[str, np.ndarray]:
        """NIR's values of the parameters of all nodes that nirx runs itself, by key."""
        ...

    def select(self, keys: Iterable[str], trained: bool, only: bool) -> Any:
        """Train the parameters, or not.

        Arguments:
            only: set all others to the opposite.

        Returns: what the public function returns.
        """
        ...

    def hold(self, held: Mapping[str, tuple[Form | None, np.ndarray]]) -> Any:
        """The network that holds parameters in these forms, as these raw arrays.

        Arguments:
            held: None instead of a form holds NIR's value itself.
        """
        ...


@singledispatch
def parameters_of(net: Any) -> NetParameters:
    """The parameters of a network; a backend registers its class of networks here.

    **Raises**: `InputError` for anything else.
    """
    raise InputError(
        f"a {type(net).__module__}.{type(net).__name__} has no parameters to train; expected a "
        "network of nirx.from_nir on a backend with gradients (NumPy has none)"
    )


def trainable(net: Any, *patterns: str) -> Any:
    """Train the parameters that match, and no others.

    Arguments:
        net: of `nirx.from_nir`.
        patterns: such as `"fc.weight"`, `"lif1/*.tau"`, `"*.tau"`: matched with a parameter's node
            path, a dot and its name, where `*` stands for any text, `?` for one character and
            `[ab]` for one of several. The path of a node or subgraph alone means everything in it.

    Returns: on torch, which sets `requires_grad`, the names of the parameters that match. On JAX
    a tree of bools like the network, for `eqx.partition`, `eqx.filter` and `optax.masked`;
    the network is left as it is.

    **Raises**: `InputError` for a pattern that matches nothing.
    """
    own = parameters_of(net)
    return own.select(_matching(own.nodes(), patterns), trained=True, only=True)


def freeze(net: Any, *patterns: str) -> Any:
    """Do not train the parameters that match.

    Arguments:
        net, patterns: as for `trainable`.

    Returns: as for `trainable`. On torch the others stay as they are; in the tree for JAX they
    are trained.

    **Raises**: `InputError` for a pattern that matches nothing.
    """
    own = parameters_of(net)
    return own.select(_matching(own.nodes(), patterns), trained=False, only=False)


def parametrize(
    net: Any,
    *patterns: str,
    positive: Positive | None = None,
    shared: bool | Literal["mean"] = False,
    minimum: float = 0.0,
) -> Any:
    """Keep parameters positive while they are trained, or make all numbers of each the same.

    An optimizer then trains a raw array. Everything else still sees NIR's values: `to_nir`,
    `parameters_to_numpy`, `load_parameters`, `net.lif.tau`. Make the optimizer afterwards.

    Arguments:
        net: of `nirx.from_nir`; changed in place on torch, left as it is on JAX.
        patterns: as for `trainable`.
        positive: the value as a function of the raw number: `"softplus"` (log(1 + exp(raw))),
            `"exp"`, or `"clamp"` (raw where it is above the minimum, else the minimum, where the
            gradient is 0). None takes the raw number itself.
        shared: one number for the whole array of a parameter. True wants equal values, `"mean"`
            takes the mean of unequal ones.
        minimum: values stay above it, with `"clamp"` at or above it. With `"clamp"`, 0 means the
            smallest normal number of the dtype.

    Returns: the network. Values are unchanged up to rounding, with `"clamp"` and `shared=True`
    exactly. Without `positive` and `shared` the values themselves are trained again.

    **Units**: `minimum` has the unit of the parameter. Forward Euler wants time constants above dt.

    **Raises**: `InputError` for a pattern that matches nothing, values that the form cannot hold
    and parameters of users' modules; `UnsupportedError` for softplus and exp in reproducible mode.
    """
    _require_options(positive, shared, minimum)
    own = parameters_of(net)
    if positive in ("softplus", "exp") and net.reproducible:
        raise UnsupportedError(
            f"positive={positive!r}: backends round it differently, and this network is in "
            'reproducible mode; use "clamp", or build it without reproducible=True'
        )
    values, keys = own.values(), _matching(own.nodes(), patterns)
    if foreign := [key for key in keys if key not in values]:
        raise InputError(
            f"{foreign[0]!r} belongs to a module of a node map; expected a parameter of a node "
            "that nirx runs; parametrize the module itself, or leave it out of the pattern"
        )
    held: dict[str, tuple[Form | None, np.ndarray]] = {}
    for key in keys:
        value = values[key]
        form = Form(value.shape, positive, bool(shared), float(minimum))
        if shared == "mean" and value.size:
            value = np.full(value.shape, np.mean(value, dtype=np.float64))
        plain = not value.size or not (positive or shared)
        held[key] = (None, value) if plain else (form, form.raw(key, value))
    return own.hold(held)


def _require_options(positive: Any, shared: Any, minimum: Any) -> None:
    if positive is not None and positive not in POSITIVE:
        names = ", ".join(map(repr, POSITIVE))
        raise InputError(f"positive is {positive!r:.80}; expected {names} or None")
    if not isinstance(shared, bool) and shared != "mean":
        raise InputError(f"shared is {shared!r:.80}; expected True, False or 'mean'")
    number = isinstance(minimum, int | float) and math.isfinite(minimum) and minimum >= 0
    if not number or (minimum and positive is None):
        also = "" if positive else " (and only with positive=...)"
        raise InputError(f"minimum is {minimum!r:.80}; expected a number of at least 0{also}")


def _matching(nodes: Mapping[str, str], patterns: tuple[str, ...]) -> list[str]:
    """The keys of the parameters that match any of the patterns, in the order of `nodes`."""
    if not patterns:
        raise InputError("no pattern names parameters; expected some, such as '*.tau' or '*'")
    texts = {key: _texts(key, node) for key, node in nodes.items()}
    chosen: dict[str, None] = {}
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise InputError(f"pattern {pattern!r:.80}; expected text such as '*.tau'")
        found = [key for key, own in texts.items() if any(fits(text, pattern) for text in own)]
        if not found:
            known = dict.fromkeys(text for own in texts.values() for text in own)
            near = did_you_mean(pattern, known)
            raise InputError(f"pattern {shortened(pattern)!r} matches no parameter; {near}")
        chosen.update(dict.fromkeys(found))
    return [key for key in nodes if key in chosen]


def _texts(key: str, node: str) -> list[str]:
    """What a pattern may match: the parameter, its node, and the subgraphs around it."""
    names = node.split("/")
    return [key, *("/".join(names[:length]) for length in range(len(names), 0, -1))]
