"""The core finds backends and bridges by their entry points; its tables name none of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import nirx

CORE = Path(nirx.__file__).parent
PRESETS = CORE / "dynamics" / "presets.py"
"""The presets are named after the libraries whose steps they reproduce."""
PENDING = ("bridging/neuron.py",)
"""Files that still name one; remove an entry with the last name in its file."""


def plugin_names() -> frozenset[str]:
    """Names and packages of all backends and bridges outside nirx, and their libraries."""
    points = [*entry_points(group="nirx.backends"), *entry_points(group="nirx.bridges")]
    plugins = [p for p in points if not p.module.startswith("nirx.")]
    return frozenset({name for p in plugins for name in (p.name, p.module.split(".")[0])})


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and value of string constants, except docstrings, sentences and default arguments."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            skipped.add(id(node.value))
        if isinstance(node, ast.arguments):
            defaults = [*node.defaults, *filter(None, node.kw_defaults)]
            skipped.update(id(part) for default in defaults for part in ast.walk(default))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in skipped:
            continue
        if isinstance(node.value, str) and " " not in node.value:
            yield node.lineno, node.value


def named(text: str, names: frozenset[str]) -> bool:
    return any(word in names for word in re.findall(r"[A-Za-z_][A-Za-z0-9_-]*", text))


def test_no_string_of_the_core_names_a_plugin():
    names = plugin_names()
    assert {"torch", "jax", "norse", "nirx_torch", "nirx_jax"} <= names
    found = [
        f"{path.relative_to(CORE)}:{line}: {text!r}"
        for path in sorted(CORE.rglob("*.py"))
        if path != PRESETS and path.parent != CORE / "cli"
        if str(path.relative_to(CORE)) not in PENDING
        for line, text in texts(ast.parse(path.read_text()))
        if named(text, names)
    ]
    assert found == []


def test_the_scan_finds_a_name_in_a_table_but_not_in_prose():
    code = (
        '"""About torch."""\nTABLE = {"torch": 1}\nOTHER = "torchlight"\nTEXT = "such as torch"\n'
        'def f(a="torch", *, b=("torch",)): pass\n'
    )
    found = [line for line, text in texts(ast.parse(code)) if named(text, frozenset({"torch"}))]
    assert found == [2]
