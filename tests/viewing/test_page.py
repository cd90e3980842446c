"""The page of a comparison: complete, escaped, and thinned with a note."""

from __future__ import annotations

import json

import nir
import numpy as np
import pytest

import nirx
from nirx.cli import main
from nirx.drawing.scheduled import scheduled
from nirx.viewing.page import page
from nirx.viewing.run import run_comparison
from nirx.viewing.view import comparison_scene, run_scene
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
    schedule = nirx.schedule(graph, D)
    text = page(comparison_scene("</script>" + EVIL, found, schedule, [])).decode()
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
        assert events == [np.flatnonzero(train).tolist() for train in side[EVIL][:, 1].T]


def test_a_long_and_wide_run_is_thinned_and_says_so():
    _, _, text = made(steps=3000, width=100)
    data = json.loads(parse(text).place("data").text)
    assert data["stop"] - data["start"] == 1000
    assert "steps 1,000 to 1,999 of 3,000 are shown" in text
    assert "only some neurons are shown" in text


def test_small_values_keep_their_digits():
    """Of volts and amperes, six decimals would leave nothing."""
    graph = chain({"scale": nir.Scale(np.full(2, 1e-9))}, 2)
    net = nirx.from_nir(graph, "numpy", D)
    xs = np.linspace(1, 2, 10, dtype=np.float32).reshape(5, 1, 2)
    data = data_of(run_page(net, net.run(xs, record="all")[2]))
    own = next(r for r in data["recordings"] if r["key"] == "scale")
    assert own["data"][0][0][0] == pytest.approx(1e-9, rel=1e-5)


def test_what_led_to_a_divergence_is_among_the_lines_of_a_wide_layer():
    found, _, text = made(width=100)
    first = found.first_divergence
    assert first is not None
    data = data_of(text)
    membrane = next(r for r in data["recordings"] if r["key"] == f"{EVIL}.v")
    spikes = next(r for r in data["recordings"] if r["key"] == EVIL)
    assert spikes["diverges"]
    assert not membrane["diverges"]
    for own in (membrane, spikes):
        assert own["neurons"][own["spot"]] == first.index[-1] == 2


def test_a_node_with_the_name_of_a_variable_is_shown_beside_it():
    graph = chain({"lif": lif(2, tau=5.0), "lif.v": lif(2, tau=5.0, v_threshold=0.1)}, 2)
    xs = np.full((5, 1, 2), 9, np.float32)
    found = nirx.compare(graph, xs, ["numpy", "numpy"], discretization=D)
    text = page(comparison_scene("t", found, nirx.schedule(graph, D), [])).decode()
    keys = [own["key"] for own in data_of(text)["recordings"]]
    assert keys == ["input", "lif", "('lif', 'v')", "lif.v", "lif.v.v", "output"]


def run_page(graph, recorded) -> str:
    schedule, nodes = scheduled(graph)
    run = run_comparison("run", recorded, schedule)
    return page(run_scene("run", run, schedule, nodes)).decode()


def data_of(text: str):
    return json.loads(parse(text).place("data").text)


def test_a_run_has_one_side_and_no_columns_of_differences():
    net = nirx.from_nir(chain({"lif": lif(3)}, 3), "numpy", D)
    recorded = net.run(np.ones((9, 2, 3), np.float32), record=["input", "lif"])[2]
    text = run_page(net, recorded)
    data = data_of(text)
    assert data["sides"] == ["run"]
    assert [own["raster"] for own in data["recordings"]] == [True, True]
    heads = [e.text for e in parse(text).place("nodes").tags("thead")[0].tags("th")]
    assert heads == ["#", "node", "type", "shape", "rate"]


def test_a_side_that_lacks_a_recording_leaves_the_others_in_place():
    graph = chain({"lif": lif(2)}, 2)
    net = nirx.from_nir(graph, "numpy", D)

    def outputs_only(x):
        return net.run(x)[0]

    xs = np.full((5, 1, 2), 9, np.float32)
    found = nirx.compare(graph, xs, ["numpy", outputs_only, "numpy"], discretization=D)
    text = page(comparison_scene("t", found, nirx.schedule(graph, D), [])).decode()
    own = next(r for r in data_of(text)["recordings"] if r["key"] == "lif")
    assert [side is None for side in own["data"]] == [False, True, False]


@pytest.mark.parametrize("html", ["compare", "move", "verify"])
def test_commands_write_the_page(html, tmp_path, capsys):
    graph = chain({"lif": lif(2)})
    nirx.write(tmp_path / "g.nir", graph)
    xs = np.ones((5, 1, 2), np.float32)
    nirx.reference(graph, xs, tmp_path / "r.h5", discretization=D)
    options = {
        "compare": ["g.nir", "--backends", "numpy,numpy", "--random", "0", "--dt", "1"],
        "move": ["g.nir", "--to", "torch", "--dt", "1"],
        "verify": ["r.h5", "--backend", "numpy"],
    }
    first, *rest = options[html]
    out = tmp_path / "page.html"
    assert main([html, str(tmp_path / first), *rest, "--html", str(out)]) == 0
    root = parse(out.read_text())
    assert root.place("nodes").tags("tr")
    assert "input" in [own["key"] for own in data_of(out.read_text())["recordings"]]
    assert f"page: {out}" in capsys.readouterr().out


def test_verify_marks_the_divergence_with_both_values_and_the_input(tmp_path):
    graph = chain({"lif": lif(2, tau=5.0, v_threshold=0.3)}, 2)
    xs = (np.random.default_rng(0).random((30, 2, 2)) < 0.5).astype(np.float32)
    nirx.reference(graph, xs, tmp_path / "r.h5", discretization=D)
    seen = nirx.from_nir(graph, "numpy", D, reproducible=True).run(xs, record=["lif"])[2]["lif"]
    seen[20, 1, 0] = 1 - seen[20, 1, 0]
    nirx.verify(tmp_path / "r.h5", {"lif": seen}, html=tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    shown = [e.text for e in parse(text).place("divergence").tags("dd")]
    numbers = " ".join(f"{x:g}" for x in xs[20, 1])
    assert shown == ["lif[1, 0]", str(1 - seen[20, 1, 0]), str(seen[20, 1, 0]), f"input: {numbers}"]
    rates = [e.text for e in parse(text).place("nodes").tags("tbody")[0].tags("tr")[1].tags("td")]
    expected = nirx.from_nir(graph, "numpy", D, reproducible=True).run(xs)[0].mean()
    assert rates[3] == f"{expected:.3g}"
