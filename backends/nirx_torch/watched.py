"""Resets of neurons during a trace: their methods and attributes, watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

__all__ = ["watched"]


@contextmanager
def watched(
    note: Callable[[str], None], module: torch.nn.Module, paths: tuple[str, ...]
) -> Iterator[None]:
    """Note when forward resets a neuron, or assigns to it.

    Arguments:
        note: told of the path.
        module: the outermost module; `kept_as_it_is` removes what this puts into it.
        paths: of the neurons.
    """

    def noting(path: str, method: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            note(path)
            return method(*args, **kwargs)

        return call

    own: dict[int, str] = {}
    setters: dict[type, Any] = {}
    for path in paths:
        m = module.get_submodule(path)
        own[id(m)] = path
        for name in dir(type(m)):
            if name.startswith("reset") and callable(getattr(m, name, None)):
                vars(m)[name] = noting(path, getattr(m, name))
        for kind in type(m).__mro__:
            if "__setattr__" in vars(kind) and kind not in (object, torch.nn.Module):
                setters[kind] = vars(kind)["__setattr__"]

    def setting(plain: Any) -> Any:
        def assign(m: Any, name: str, value: Any) -> None:
            if id(m) in own:
                note(own[id(m)])
            plain(m, name, value)

        return assign

    try:
        for kind, plain in setters.items():
            kind.__setattr__ = setting(plain)  # type: ignore[method-assign, assignment]
        yield
    finally:
        for kind, plain in setters.items():
            kind.__setattr__ = plain  # type: ignore[method-assign]
