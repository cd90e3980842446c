"""An HTML page, read strictly: every tag is closed, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

__all__ = ["Element", "parse"]

VOID = {"meta", "link", "br", "img", "input", "hr"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    parts: list[Any] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(p if isinstance(p, str) else p.text for p in self.parts)

    def all(self, wanted: Callable[[Element], bool]) -> list[Element]:
        own = [self] if wanted(self) else []
        return own + [e for p in self.parts if isinstance(p, Element) for e in p.all(wanted)]

    def tags(self, *names: str) -> list[Element]:
        return self.all(lambda e: e.tag in names)

    def of_class(self, name: str) -> list[Element]:
        return self.all(lambda e: name in e.attributes.get("class", "").split())

    def place(self, name: str) -> Element:
        (found,) = self.all(lambda e: e.attributes.get("id") == name)
        return found


class Reader(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.open = [Element("root", {})]
        self.feed(text)
        self.close()
        assert len(self.open) == 1, f"never closed: {[e.tag for e in self.open[1:]]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute twice: {attrs}"
        element = Element(tag, {k: v or "" for k, v in attrs})
        self.open[-1].parts.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].parts.append(Element(tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].parts.append(data)


def parse(text: str) -> Element:
    """The root of a page."""
    return Reader(text).open[0]
