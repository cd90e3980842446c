"""The page of a comparison: complete, escaped, and thinned with a note."""

from __future__ import annotations

import json

import numpy as np
import pytest

import nirx
from nirx.cli import main
from nirx.viewing.page import page
from support.graphs import chain, lif
from support.html_page import parse

pytest.importorskip("jinja2")

D = nirx.Discretization(dt=1.0)
EVIL = "<img src=x onerror=alert(1)>"


def made(steps: int = 40, width: int = 3):
    graph = chain({EVIL: lif(width, tau=5.0, v_threshold=0.3)}, width)
    xs = (np.random.default_rng(0).random((steps, 2, width)) < 0.5).astype(np.float32)

    def other(x):
        ys, state, recorded = nirx.from_nir(graph, "numpy", D).run(x, record="all")
        array = recorded[EVIL].copy()
        array[steps // 2, 1, 2] = 1 - array[steps // 2, 1, 2]
        return ys, state, {**recorded, EVIL: array}

    found = nirx.compare(graph, xs, ["numpy", other], discretization=D)
    text = page("</script>" + EVIL, found, nirx.schedule(graph, D), found._parts()).decode()
    return found, xs, text


def test_the_divergence_is_there_with_both_values_and_the_input():
    found, xs, text = made()
    first = found.first_divergence
    assert first is not None
    shown = [e.text for e in parse(text).place("divergence").tags("dd")]
    numbers = " ".join(f"{x:g}" for x in xs[first.step, 1])
    assert shown == [f"{EVIL}[1, 2]", str(first.reference), str(first.other), f"input: {numbers}"]


def test_names_are_escaped_everywhere():
    _, _, text = made()
    root = parse(text)
    assert len(root.tags("script")) == 2
    assert root.tags("img") == []
    assert root.tags("h1")[0].text == "</script>" + EVIL


def test_the_recordings_are_those_of_both_sides():
    found, _, text = made()
    data = json.loads(parse(text).place("data").text)
    own = next(r for r in data["recordings"] if r["key"] == EVIL)
    for events, side in zip(own["data"], found.recordings.values(), strict=True):
        assert events == np.argwhere(side[EVIL][:, 1] > 0).tolist()


def test_a_long_and_wide_run_is_thinned_and_says_so():
    _, _, text = made(steps=3000, width=100)
    data = json.loads(parse(text).place("data").text)
    assert data["stop"] - data["start"] == 1000
    assert "steps 1,000 to 1,999 of 3,000 are shown" in text
    assert "only some neurons are shown" in text


def test_compare_writes_the_page(tmp_path, capsys):
    nirx.write(tmp_path / "g.nir", chain({"lif": lif(2)}))
    out = tmp_path / "page.html"
    options = ["--backends", "numpy,numpy", "--random", "0", "--dt", "1", "--html", str(out)]
    assert main(["compare", str(tmp_path / "g.nir"), *options]) == 0
    assert parse(out.read_text()).place("nodes").tags("tr")
    assert f"page: {out}" in capsys.readouterr().out


def test_move_writes_the_page(tmp_path, capsys):
    nirx.write(tmp_path / "g.nir", chain({"lif": lif(2)}))
    out = tmp_path / "page.html"
    options = ["--to", "torch", "--dt", "1", "--html", str(out)]
    assert main(["move", str(tmp_path / "g.nir"), *options]) == 0
    assert parse(out.read_text()).place("nodes").tags("tr")
