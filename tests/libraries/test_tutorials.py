"""What needs a library in docs/, the tutorials above all, runs as shown, from top to bottom."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
LIBRARIES = {
    "tutorial-snntorch-to-jax.md": ("snntorch",),
    "tutorial-norse-to-spyx.md": ("norse", "spyx"),
    "training.md": ("norse", "snntorch", "flax", "optax"),
}
ELSEWHERE = "<!-- runs in: make libraries -->"


def test_every_tutorial_is_run():
    assert {p.name for p in DOCS.glob("*.md") if ELSEWHERE in p.read_text()} == set(LIBRARIES)


# Tutorials train: torch and the libraries may warn about what is theirs.
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("page", sorted(LIBRARIES))
def test_the_tutorial_runs(page, tmp_path, monkeypatch):
    for library in LIBRARIES[page]:
        pytest.importorskip(library, reason=f"{library} is installed by `make libraries` only")
    monkeypatch.chdir(tmp_path)
    text = (DOCS / page).read_text()
    names: dict = {}
    for block in re.compile(r"```python\n(.*?)```", re.DOTALL).finditer(
        text, text.index(ELSEWHERE)
    ):
        line = text[: block.start()].count("\n") + 1
        code = compile("\n" * line + block[1], page, "exec")
        exec(code, names)
