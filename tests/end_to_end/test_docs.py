"""The examples in docs/ run as printed, and links lead somewhere."""

from __future__ import annotations

import re

import pytest

from nirx.dynamics import node_types
from support.paper import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(p.name for p in DOCS.glob("*.md"))
PRINTS = re.compile(r"\s+prints\s+```text\n(.*?)```", re.DOTALL)
"""What follows an example whose output is shown."""
ELSEWHERE = "<!-- runs in: make libraries -->"
"""What follows in a page needs libraries and runs there."""
TEXTS = {p: (DOCS / p).read_text() for p in PAGES}
HERE = {p: text.partition(ELSEWHERE)[0] for p, text in TEXTS.items()}
IN_PROCESSES = {"many-devices.md"}
"""Run by tests/jax/test_sharding.py and tests/torch/test_distributed.py, as several processes."""
RUN = [p for p, text in HERE.items() if "```python" in text and p not in IN_PROCESSES]

MARKS = {
    "export-jax.md": pytest.mark.slow,
    "import-jax.md": pytest.mark.slow,
    "training.md": pytest.mark.exhaustive,
}
NEEDS = {"training.md": ("optax", "sklearn")}


@pytest.mark.parametrize(
    "page",
    [pytest.param(p, marks=MARKS.get(p, ())) for p in RUN],
)
@pytest.mark.sampled(2)
def test_the_examples_run(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(node_types, "_TYPES", dict(node_types._TYPES))  # a page registers its own
    for package in NEEDS.get(page, ()):
        pytest.importorskip(package)
    text = HERE[page]
    names: dict = {}
    for block in re.finditer(r"```python\n(.*?)```", text, re.DOTALL):
        line = text[: block.start()].count("\n") + 1
        code = compile("\n" * line + block[1], page, "exec")
        capsys.readouterr()
        exec(code, names)
        if shown := PRINTS.match(text, block.end()):
            lines = [own.rstrip() for own in capsys.readouterr().out.splitlines()]
            assert "\n".join(lines).strip("\n") == shown[1].strip("\n")


def test_the_pages_on_translation_have_examples():
    wanted = {"export-torch.md", "import-torch.md", "export-jax.md", "import-jax.md"}
    assert wanted | {"node-mapping.md", "from-nirtorch.md"} <= set(RUN)


def test_pages_that_run_elsewhere_are_found_there():
    tutorials = {p for p in PAGES if p.startswith("tutorial-")}
    assert tutorials
    assert {p for p, text in TEXTS.items() if ELSEWHERE in text} == tutorials | {"training.md"}
    assert not any("```python" in HERE[p] for p in tutorials)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\((?!http)([^)#]*)(?:#([^)]*))?\)", TEXTS[page]):
        path = DOCS / (target or page)
        assert path.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in heads}
