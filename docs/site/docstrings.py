"""nirx's docstrings as griffe reads them: one argument per line, links to public names."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import griffe

sys.path.insert(0, str(Path(__file__).parent))

from links import link_names, link_pages

SEVERAL = re.compile(r"^( +)((?:\*{0,2}\w+, )+\*{0,2}\w+): (.*(?:\n\1 +.*)*)", re.MULTILINE)
"""Arguments that share a description."""
RETURNS = re.compile(r"^Returns: ", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Prepares every docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of an object that was read."""
        if obj.docstring is not None:
            obj.docstring.value = prepared(obj.docstring.value)


def prepared(text: str) -> str:
    """A docstring in griffe's words."""
    text = RETURNS.sub("**Returns**: ", SEVERAL.sub(_one_each, text))
    return link_names(link_pages(text), bare=True)


def _one_each(match: re.Match[str]) -> str:
    space, names, words = match[1], match[2].split(", "), match[3]
    return "\n".join(f"{space}{name}: {words}" for name in names)
