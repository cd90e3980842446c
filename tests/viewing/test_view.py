"""`nirx.view` and `nirx view`: what they take, and what they refuse."""

from __future__ import annotations

import json

import numpy as np
import pytest

import nirx
from nirx.cli import main
from support.graphs import chain, lif
from support.html_page import parse

pytest.importorskip("jinja2")

D = nirx.Discretization(dt=1.0)
GRAPH = chain({"lif": lif(2)}, 2)
XS = np.ones((6, 1, 2), np.float32)


def keys(path) -> list[str]:
    data = json.loads(parse(path.read_text()).place("data").text)
    return [own["key"] for own in data["recordings"]]


def test_the_recordings_of_any_backend_are_shown(backend, tmp_path):
    net = nirx.from_nir(GRAPH, backend, D)
    recorded = net.run(XS, record=["lif", "lif.v"])[2]
    nirx.view(recorded, tmp_path / "page.html", net)
    assert keys(tmp_path / "page.html") == ["lif", "lif.v"]
    assert "v_threshold: " in (tmp_path / "page.html").read_text()


def test_a_comparison_and_a_move_are_shown(tmp_path):
    found = nirx.compare(GRAPH, 9 * XS, ["numpy", "numpy"], discretization=D)
    nirx.view(found, tmp_path / "c.html", GRAPH)
    assert keys(tmp_path / "c.html") == ["input", "lif", "lif.v", "output"]
    nirx.view(nirx.move(GRAPH, "torch", xs=9 * XS, discretization=D), tmp_path / "m.html")
    assert keys(tmp_path / "m.html") == ["input", "lif", "output"]


@pytest.mark.parametrize(
    ("result", "graph", "words"),
    [
        ({"lif": XS}, None, "graph is missing"),
        ({}, GRAPH, "nothing to see: no recordings"),
        ({"lif": XS[:0]}, GRAPH, "'lif' has no steps or no samples"),
        ({"nope": XS}, GRAPH, "nothing is called 'nope'"),
        ({"lif": XS[..., :1]}, GRAPH, r"shape \[6, 1, 1\]; expected \[time, \*batch, 2\]"),
        ({"lif": np.ones(2)}, GRAPH, r"expected \[time, \*batch, 2\]"),
        ({"lif": XS, "lif.v": XS[1:]}, GRAPH, "expected recordings of one run"),
        ({"lif": np.full((6, 1, 2), "x")}, GRAPH, "expected an array of numbers"),
        (3, GRAPH, "a Comparison, a Move, or recordings"),
    ],
)
def test_what_cannot_be_shown_is_refused(result, graph, words, tmp_path):
    with pytest.raises(nirx.InputError, match=words):
        nirx.view(result, tmp_path / "page.html", graph)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("view")
    nirx.write(made / "g.nir", GRAPH)
    np.save(made / "x.npy", XS)
    nirx.reference(GRAPH, XS, made / "r.h5", discretization=D)
    return made


def command(folder, *words: str) -> int:
    own = [str(folder / word) if "." in word else word for word in words]
    return main(["view", *own, "--out", str(folder / "page.html")])


def test_a_run_a_saved_run_and_a_reference_have_the_same_page(folder, capsys):
    assert command(folder, "g.nir", "--input", "x.npy", "--dt", "1") == 0
    everything = keys(folder / "page.html")
    assert everything == ["input", "lif", "lif.v", "output"]
    for suffix in ("npz", "h5"):
        own = ["run", str(folder / "g.nir"), "--input", str(folder / "x.npy"), "--dt", "1"]
        assert main([*own, "--record", "all", "--out", str(folder / f"y.{suffix}")]) == 0
        assert command(folder, "g.nir", f"y.{suffix}", "--dt", "1") == 0
        assert sorted(keys(folder / "page.html")) == everything
    assert command(folder, "r.h5", "--record", "lif") == 0
    assert keys(folder / "page.html") == ["lif"]
    capsys.readouterr()
    assert command(folder, "r.h5", "--json") == 0
    payload = json.loads(capsys.readouterr().out)
    assert payload["recorded"] == everything
    assert payload["steps"] == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("g.nir", "neither --input nor --random"),
        ("g.nir y.txt", "unknown format '.txt'"),
        ("g.nir x.npy --random 0", "--random: RECORDED holds a run"),
        ("r.h5 --dt 1", "--dt: a reference holds its run"),
        ("r.h5 --random 0", "--random: a reference holds its run"),
        ("g.nir --random 0 --dt 1 --max-memory 10", "--max-memory"),
        ("g.nir --random 0 --dt 1 --steps 0", "no steps or no samples"),
        ("no.nir --random 0", "no such file"),
    ],
)
def test_bad_input_gets_one_clear_error(folder, words, said, capsys):
    (folder / "page.html").unlink(missing_ok=True)
    assert command(folder, *words.split()) == 2
    assert said in capsys.readouterr().err
    assert not (folder / "page.html").exists()
