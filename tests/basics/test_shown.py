"""What results look like in a notebook: the tables of the terminal, escaped, in its colours."""

from __future__ import annotations

import re
from io import StringIO

import nir
import numpy as np
import pytest
from rich.console import Console

import nirx
import nirx_jax
import nirx_torch
from support.graphs import chain, lif, recurrent
from support.html_page import parse

EVIL = "<img src=x onerror=alert('1')>&\x1b[31m"
D = nirx.Discretization(dt=1.0)
XS = (np.random.default_rng(0).random((20, 1, 2)) < 0.5).astype(np.float32)


def evil() -> nir.NIRGraph:
    return chain({EVIL: lif(2, tau=5.0, v_threshold=0.1)})


def schedule():
    return nirx.schedule(evil(), D)


def comparison():
    def other(xs):
        ys, state, recorded = nirx.from_nir(evil(), "numpy", D).run(xs, record="all")
        return ys, state, {k: 1 - a if k == EVIL else a for k, a in recorded.items()}

    return nirx.compare(evil(), XS, ["numpy", other], discretization=D)


def moved():
    return nirx.move(evil(), "torch", xs=XS, discretization=D)


def written(tmp_path):
    return nirx.reference(evil(), XS, tmp_path / "r.h5", discretization=D)


def verified(tmp_path):
    path = written(tmp_path).path
    recorded = nirx.from_nir(evil(), "numpy", D).run(XS, record=[EVIL])[2]
    return nirx.verify(path, {EVIL: 1 - recorded[EVIL]})


def diagnosed():
    recorded = nirx.from_nir(evil(), "numpy", D).run(XS, record=[EVIL])[2]
    return nirx.diagnose(evil(), XS, recorded, discretization=D)


def rule():
    return nirx.Discretization(overrides={EVIL: {"reset": "none"}})


RESULTS = {
    "Schedule": lambda _: schedule(),
    "Comparison": lambda _: comparison(),
    "Move": lambda _: moved(),
    "Reference": written,
    "Verification": verified,
    "Diagnosis": lambda _: diagnosed(),
    "Discretization": lambda _: rule(),
    "Network": lambda _: nirx.from_nir(evil(), "numpy", D),
    "torch": lambda _: nirx_torch.from_nir(evil(), discretization=D),
    "jax": lambda _: nirx_jax.from_nir(evil(), discretization=D),
}


@pytest.mark.parametrize("kind", RESULTS)
def test_a_result_is_html_without_colours_of_its_own(kind, tmp_path):
    found = RESULTS[kind](tmp_path)
    html = found._repr_html_()
    page = parse(html)
    assert page.tags("img") == []
    assert "\x1b" not in html
    assert "color:inherit" in html
    assert set(re.findall(r"[^-]color:(.*?)[;\"]", html)) == {"inherit"}
    assert len(repr(found)) < 1500
    if kind != "Reference":
        assert "<img src=x" in page.text
        assert page.tags("table")


@pytest.mark.parametrize("kind", RESULTS)
def test_a_rich_console_shows_the_same(kind, tmp_path):
    found = RESULTS[kind](tmp_path)
    console = Console(width=120, file=(file := StringIO()))
    console.print(found)
    last = [e.text for e in parse(found._repr_html_()).tags("td", "p")][-1].split()
    assert last[-1] in file.getvalue().split()


def test_every_row_and_heading_of_a_table_is_there():
    found = nirx.schedule(recurrent(), nirx.Discretization(dt=1e-3))
    page = parse(found._repr_html_())
    (table,) = page.tags("table")
    assert [e.text for e in table.tags("th")][:3] == ["#", "node", "type"]
    assert [row.tags("td")[1].text for row in table.tags("tr")[1:]] == list(found.order)
    assert "feedback edges (one step late): w -> lif" in page.text
