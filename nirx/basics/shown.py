"""`Shown`: a result that consists of tables and sentences, wherever it is looked at."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from nirx.basics.html import parts_html
from nirx.basics.tables import render

__all__ = ["Shown"]


class Shown:
    """Prints as tables, shows them in a notebook, and on a rich console as wide as that is.

    A subclass says in `_parts` what there is to see.
    """

    def _parts(self) -> list[Table | str]:
        """Tables and lines of text, in order."""
        raise NotImplementedError

    def __str__(self) -> str:
        return "\n".join(part if isinstance(part, str) else render(part) for part in self._parts())

    def __rich__(self) -> Group:
        return Group(*(Text(part) if isinstance(part, str) else part for part in self._parts()))

    def _repr_html_(self) -> str:
        return parts_html(self._parts())
