"""Options in texts such as `"poisson:rate=0.2,height=1"`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nirx.errors import InputError, did_you_mean

__all__ = ["Options", "split_text"]


class Options:
    """The options of a source.

    Arguments:
        kind: its name.
        values: option -> text.
        known: names of the options that it takes.
        events: how a caller says that its events are laid out, instead of options.

    **Raises**: `InputError` for an unknown option.
    """

    def __init__(self, kind: str, values: dict[str, str], known: Sequence[str], events: Any = None):
        self.kind, self._values, self.events = kind, values, events
        for name in values:
            if name not in known:
                hint = did_you_mean(name, known) or "it takes none"
                raise InputError(f"{kind}: no option {name!r}; {hint}")

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def number(
        self, name: str, default: float, low: float = -math.inf, high: float = math.inf
    ) -> float:
        """A finite number between two bounds. **Raises** `InputError`."""
        text = self._values.get(name)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and low <= value <= high):
            bounds = "" if low == -math.inf else f" between {low:g} and {high:g}"
            raise InputError(f"{self.kind}: {name}={text!r}; expected a number{bounds}")
        return value

    def whole(self, name: str, default: int | None, low: int = 0) -> int | None:
        """A whole number. **Raises** `InputError`."""
        text = self._values.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdecimal() and len(text) < 19 and int(text) >= low):
            raise InputError(
                f"{self.kind}: {name}={text!r}; expected a whole number, {low} or more"
            )
        return int(text)

    def text(self, name: str, default: str, choices: Sequence[str] = ()) -> str:
        """A text, one of `choices` if there are any. **Raises** `InputError`."""
        value = self._values.get(name, default)
        if choices and value not in choices:
            raise InputError(
                f"{self.kind}: {name}={value!r}; {did_you_mean(value, choices)} "
                f"(expected {' or '.join(choices)})"
            )
        return value


def split_text(text: str) -> tuple[str, str, dict[str, str]]:
    """Kind, the text before the first option, and the options.

    **Raises**: `InputError` for a text of another form.
    """
    kind, _, rest = text.partition(":")
    head: list[str] = []
    values: dict[str, str] = {}
    for item in rest.split(",") if rest else []:
        name, equals, value = (part.strip() for part in item.partition("="))
        if not equals and not values:
            head.append(item)
            continue
        if not equals or not name:
            raise InputError(f"{kind}: {item!r} in {text!r}; expected option=value")
        if name in values:
            raise InputError(f"{kind}: the option {name!r} is given twice")
        values[name] = value
    return kind.strip(), ",".join(head).strip(), values
