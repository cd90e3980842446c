"""`TypeMap`: a map from types to functions, such as a NODE_MAP or a MODULE_MAP."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from nirx.errors import InputError

__all__ = ["ABSENT", "Handler", "TypeMap", "find_handler", "require_type_map"]

Handler = Callable[..., Any]

ABSENT: Any = object()
"""The result of `find_handler` if no map has an entry. (None is an entry, which bypasses.)"""


class TypeMap(Mapping[type, "Handler | None"]):
    """A map from a type to the function that translates its objects, or to None to bypass them.

    `register` adds a type and raises if it exists; `override` replaces a type and raises if it
    does not exist. Both are decorators, or take the function as second argument. A lookup includes
    the base classes of a type, so a subclass of a mapped class works too. (A module that computes
    something else than its base does not: see `find_exporter`.)

    `NODE_MAP | {nir.LIF: mine}` and `NODE_MAP.copy()` are new maps.
    """

    def __init__(self, handlers: Mapping[type, Handler | None] | None = None):
        self._handlers: dict[type, Handler | None] = {}
        for kind, handler in (handlers or {}).items():
            self._put(kind, handler)

    def __getitem__(self, kind: type) -> Handler | None:
        return self._handlers[kind]

    def __iter__(self) -> Iterator[type]:
        return iter(self._handlers)

    def __len__(self) -> int:
        return len(self._handlers)

    def __or__(self, other: Any) -> TypeMap:
        """A new map; entries of the right-hand side win."""
        if not isinstance(other, Mapping):
            return NotImplemented
        return TypeMap({**self, **other})

    def __ror__(self, other: Any) -> TypeMap:
        if not isinstance(other, Mapping):
            return NotImplemented
        return TypeMap({**other, **self})

    def copy(self) -> TypeMap:
        """A new map with the same entries."""
        return TypeMap(self)

    def register(self, kind: type, handler: Any = ABSENT) -> Any:
        """Add a type.

        **Raises**: `InputError` if it has an entry.
        """
        return self._decorate(kind, handler, known=False)

    def override(self, kind: type, handler: Any = ABSENT) -> Any:
        """Replace the entry of a type.

        **Raises**: `InputError` if it has none.
        """
        return self._decorate(kind, handler, known=True)

    def register_handlers(
        self, handlers: Mapping[type, Handler | None] | Iterable[tuple[type, Handler | None]]
    ) -> None:
        """Add several types, or none if it raises.

        **Raises**: `InputError` if one of them has an entry or is not valid.
        """
        try:
            added = dict(handlers)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"register_handlers: {handlers!r:.80}; expected {{type: f}}"
            ) from error
        for kind, handler in added.items():
            self._require(kind, known=False)
            _require_entry(kind, handler)
        self._handlers.update(added)

    def _decorate(self, kind: type, handler: Any, known: bool) -> Any:
        self._require(kind, known)

        def put(handler: Handler) -> Handler:
            self._require(kind, known)
            self._put(kind, handler)
            return handler

        return put if handler is ABSENT else put(handler)

    def _require(self, kind: type, known: bool) -> None:
        if (kind in self._handlers) != known:
            name = getattr(kind, "__name__", repr(kind))
            if known:
                raise InputError(f"{name} has no entry; use register to add one")
            raise InputError(f"{name} has an entry already; use override to replace it")

    def _put(self, kind: type, handler: Handler | None) -> None:
        _require_entry(kind, handler)
        self._handlers[kind] = handler


def find_handler(kind: type, *maps: Mapping[type, Handler | None] | None) -> Any:
    """The entry of a type or of its nearest base class, from the first map that has one.

    Returns: the function, None for a bypass, or `ABSENT`.
    """
    for entries in maps:
        if entries:
            for base in kind.__mro__:
                if base in entries:
                    return entries[base]
    return ABSENT


def require_type_map(value: Any, name: str, form: str) -> None:
    """Raise `InputError` unless `value` is None or {type: function or None}."""
    if value is None or isinstance(value, TypeMap):
        return
    if not (isinstance(value, Mapping) and all(_is_entry(*item) for item in value.items())):
        raise InputError(f"{name} is {value!r:.80}; expected {{{form}}}")


def _is_entry(kind: Any, handler: Any) -> bool:
    return isinstance(kind, type) and (handler is None or callable(handler))


def _require_entry(kind: Any, handler: Any) -> None:
    if not _is_entry(kind, handler):
        raise InputError(f"{kind!r:.80}: {handler!r:.80}; expected a type and a function, or None")
