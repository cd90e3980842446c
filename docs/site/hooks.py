"""What the site has beside docs/: the start page, the pages of the project, the API reference.

Links of these pages are made to lead to the same place as on GitHub.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))

from api_pages import PAGES, page_text  # noqa: E402
from links import link_prose  # noqa: E402

FROM_ROOT = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
"""Files beside docs/ -> pages."""

PLAIN = ("LICENSE", "CITATION.cff")
"""Files that pages link to and that are copied as they are."""

LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]+)")
MARKER = re.compile(r"([-*]|\d+\.) ")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are not in docs/."""
    for source, page in FROM_ROOT.items():
        text = LINK.sub(lambda m: f"]({_from_root(m[1])}", (ROOT / source).read_text())
        files.append(File.generated(config, page, content=text))
    style = Path(__file__).with_name("site.css")
    files.append(File.generated(config, style.name, abs_src_path=str(style)))
    for name in PLAIN:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    for page in PAGES:
        files.append(File.generated(config, f"api/{page}.md", content=page_text(page)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links to code become its name; lists are indented as Python's Markdown wants them."""
    if page.file.src_uri.startswith(("api/", "gallery/")):
        return markdown
    text = re.sub(r"\[([^]]*)\]\(\.\./([^)#\s]+)[^)]*\)", _outside, markdown)
    return "\n".join(_indented(link_prose(text).split("\n")))


def _from_root(target: str) -> str:
    """A link of a file beside docs/, as one of a page in docs/."""
    if target in FROM_ROOT:
        return FROM_ROOT[target]
    return target.removeprefix("docs/") if target.startswith("docs/") else f"../{target}"


def _outside(link: re.Match[str]) -> str:
    """What a link out of docs/ becomes: a page, a copied file, or for code its path."""
    text, target = link[1], link[2]
    if not (ROOT / target).exists():
        return link[0]  # a broken link fails the build
    if target in FROM_ROOT or target in PLAIN:
        return f"[{text}]({FROM_ROOT.get(target, target)})"
    return f"{text} (`{target}`)"


def _indented(lines: list[str]) -> list[str]:
    """Two or three spaces inside of a list are enough for GitHub; here they become four."""
    found, inside = [], 0
    for line in lines:
        marker = MARKER.match(line)
        if marker:
            inside = marker.end()
        elif line.strip() and not line.startswith(" " * inside):
            inside = 0
        found.append(" " * (4 - inside) + line if inside and line[:1] == " " else line)
    return found
