"""Axes: NIR has the channels first, flax has them last, which a Flatten fixes for what follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nir
import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import UnsupportedError

__all__ = ["channels_first", "channels_last", "flattened_node", "unshuffled"]


def channels_first(array: Any, features: int) -> Any:
    """[..., H, W, C] as [..., C, H, W].

    Arguments:
        features: number of feature axes; a single one has no channels.
    """
    return np.moveaxis(array, -1, -features) if features > 1 else array


def channels_last(array: Any, features: int) -> Any:
    """[..., C, H, W] as [..., H, W, C]."""
    return np.moveaxis(array, -features, -1) if features > 1 else array


def unshuffled(array: Any, shape: Shape) -> np.ndarray:
    """Features that were flattened with the channels last, in the order of NIR's Flatten.

    Arguments:
        array: [..., H*W*C].
        shape: (C, H, W).
    """
    own = np.asarray(array)
    channels, *space = shape
    apart = channels_first(own.reshape(*own.shape[:-1], *space, channels), len(shape))
    return apart.reshape(own.shape)


def flattened_node(node: Any, shape: Shape, place: str) -> Any:
    """A node that reads features flattened with the channels last, changed to NIR's order.

    Arguments:
        node: Affine, Linear or a neuron; it is changed in place.
        shape: (C, H, W) before the flattening.
        place: name of the node in errors.
    """
    reorder: Callable[[Any], Any] = lambda a: unshuffled(a, shape) if np.ndim(a) else a  # noqa: E731
    if isinstance(node, nir.Affine | nir.Linear):
        node.weight = unshuffled(node.weight, shape)
    elif hasattr(node, "r"):
        for name, value in vars(node).items():
            if isinstance(value, np.ndarray):
                setattr(node, name, reorder(value))
    else:
        raise UnsupportedError(
            f"{place}: a {type(node).__name__} behind a Flatten of channels has no NIR node; put "
            "a Linear between them"
        )
    return node
