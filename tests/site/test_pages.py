"""The site shows every page, and every public name with its arguments."""

from __future__ import annotations

import importlib
import inspect
import re
import runpy
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest
from api_pages import PAGES, documented, page_text, public_names
from links import link_names, link_pages, link_prose

import nirx
from support.paper import ROOT

CONFIG = ROOT / "docs" / "site" / "mkdocs.yml"
NAV = CONFIG.read_text().partition("\nnav:")[2].partition("\ntheme:")[0]
GALLERY = sorted((ROOT / "docs" / "gallery").glob("*.py"))
MODULES = [module for _, modules in PAGES.values() for module in modules]
OPEN = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
OF_NIR = ("metadata",)
"""What nir's own nodes have, too."""
RAISE_NOTHING = ("same_graph", "state_to_numpy")
SITE = ROOT / ".venv-docs" / "bin" / "mkdocs"


def test_the_nav_lists_every_page():
    listed = re.findall(r": (\S+\.(?:md|py))(?: |$)", NAV, re.MULTILINE)
    pages = {p.name for p in (ROOT / "docs").glob("*.md")}
    made = {f"api/{page}.md" for page in PAGES}
    project = {"index.md", "contributing.md", "changelog.md", "security.md"}
    assert set(listed) == pages | {f"gallery/{p.name}" for p in GALLERY} | made | project
    assert len(listed) == len(set(listed))


def test_every_public_name_is_in_the_reference():
    assert sorted(documented("nirx")) == sorted(public_names("nirx"))
    modules = {name for name in dir(nirx) if inspect.ismodule(getattr(nirx, name))}
    assert modules <= set(PAGES)
    for name in documented("nirx"):
        assert f"::: nirx.{name}\n" in page_text("nirx")


@pytest.mark.parametrize("module", MODULES)
def test_public_names_say_what_they_take_and_raise(module):
    for name in public_names(module):
        own = getattr(importlib.import_module(module), name)
        if not (inspect.isfunction(own) or (inspect.isclass(own) and module == "nirx")):
            continue
        text = own.__doc__ or ""
        assert text, f"{module}.{name} has no docstring"
        for argument in _arguments(own):
            assert re.search(rf"\b{argument}\b", text), f"{module}.{name}: {argument}"
        if module == "nirx" and inspect.isfunction(own):
            assert "**Raises**" in text or name in RAISE_NOTHING, name
            nothing = inspect.signature(own).return_annotation in (None, "None")
            assert nothing or "Returns: " in text, name


def _arguments(own: object) -> list[str]:
    try:
        found = inspect.signature(own).parameters.values()  # type: ignore[arg-type]
    except ValueError:  # an exception takes what Exception takes
        return []
    return [p.name for p in found if p.kind not in OPEN and p.name not in OF_NIR]


def test_names_become_links():
    text = "`nirx.move` gives a `Move`; [`nirx.move`](x) and `nirx.nothing` stay"
    assert link_names(text) == text.replace("`nirx.move` g", "[`nirx.move`][nirx.move] g")
    assert "[`Move`][nirx.Move]" in link_names(text, bare=True)
    assert link_pages("see docs/move.md.") == "see [docs/move.md](../move.md)."


def test_code_and_headings_get_no_links():
    kept = "# `nirx.move`\n\n```python\n`nirx.move`\n```\n\n    `nirx.move`\n"
    text = f"`nirx.move`\n{kept}- `nirx.move` again"
    link = "[`nirx.move`][nirx.move]"
    assert link_prose(text) == f"{link}\n{kept}- {link} again"


def test_docstrings_name_pages_that_exist():
    for folder in ("nirx", "backends", "conformance"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            for page in re.findall(r"\bdocs/([\w-]+\.md)", file.read_text()):
                assert (ROOT / "docs" / page).exists(), f"{file.name}: docs/{page}"


@pytest.mark.exhaustive
@pytest.mark.parametrize("notebook", GALLERY, ids=lambda p: p.stem)
def test_the_gallery_runs(notebook: Path, monkeypatch):
    pytest.importorskip("matplotlib").use("Agg")
    with warnings.catch_warnings():
        warnings.simplefilter("error", nirx.NirxWarning)
        runpy.run_path(str(notebook))


@pytest.mark.exhaustive
@pytest.mark.skipif(not SITE.exists(), reason="`make docs` makes .venv-docs")
def test_the_site_builds_without_a_broken_link(tmp_path):
    found = subprocess.run(
        [SITE, "build", "--strict", "--config-file", CONFIG, "--site-dir", tmp_path / "site"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert "api/nirx.html#nirx.move" in (tmp_path / "site" / "move.html").read_text()
    page = (tmp_path / "site" / "api" / "nirx.html").read_text()
    assert all(f'id="nirx.{name}"' in page for name in documented("nirx"))
    shutil.rmtree(tmp_path / "site")
