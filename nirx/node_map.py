"""`NodeMap`: which module runs which NIR type. Each adapter has one, users may bring theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nirx.errors import InputError

__all__ = ["NodeMap", "find_builder"]

Builder = Callable[[Any], Any]


class NodeMap(Mapping[type, Builder]):
    """NIR type -> function from a node to the module that runs it.

    `register` adds a type and raises if it is there; `override` replaces one and raises if
    it is not. Both are decorators, or take the builder as second argument.
    """

    def __init__(self, builders: Mapping[type, Builder] | None = None):
        self._builders = dict(builders or {})

    def __getitem__(self, node_type: type) -> Builder:
        return self._builders[node_type]

    def __iter__(self) -> Iterator[type]:
        return iter(self._builders)

    def __len__(self) -> int:
        return len(self._builders)

    def register(self, node_type: type, builder: Builder | None = None) -> Any:
        """Add a type. **Raises** `InputError` if there is an entry already."""
        if node_type in self._builders:
            raise InputError(f"{_name(node_type)} has an entry already; use override to replace it")
        return self._put(node_type, builder)

    def override(self, node_type: type, builder: Builder | None = None) -> Any:
        """Replace a type's entry. **Raises** `InputError` if there is none."""
        if node_type not in self._builders:
            raise InputError(f"{_name(node_type)} has no entry; use register to add one")
        return self._put(node_type, builder)

    def _put(self, node_type: type, builder: Builder | None) -> Any:
        def put(builder: Builder) -> Builder:
            self._builders[node_type] = builder
            return builder

        return put if builder is None else put(builder)


def find_builder(node_map: Mapping[type, Builder] | None, node_type: type) -> Builder | None:
    """The entry of a type or of its nearest base that has one, or None."""
    if not node_map:
        return None
    return next((node_map[c] for c in node_type.__mro__ if c in node_map), None)


def _name(node_type: Any) -> str:
    return getattr(node_type, "__name__", repr(node_type))
