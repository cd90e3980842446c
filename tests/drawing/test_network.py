"""`nirx.show`: every node, edge and graph is drawn once, names are escaped, in both layouts."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.drawing.dot import has_dot
from nirx.drawing.layered import place_in_rows
from nirx.drawing.network import MOST_BOXES, diagram_of
from support.graphs import chain, lif, line, make_graph, numbers, recurrent
from support.html_page import parse

LAYOUTS = [
    "rows",
    pytest.param("dot", marks=pytest.mark.skipif(not has_dot(), reason="no graphviz here")),
]
D = nirx.Discretization(dt=1e-3)
EVIL = "<script>\x1b[31m&\"'"


def nested() -> nir.NIRGraph:
    loop = [("input", EVIL), (EVIL, "w"), ("w", EVIL), (EVIL, "output")]
    inner = make_graph(loop, 4, 4, **{EVIL: lif(4), "w": nir.Linear(numbers(4, 4))})
    nodes = {"fc": nir.Affine(numbers(4, 3), numbers(4)), "inner": inner, "lif": lif(4)}
    edges = [*line("input", "fc", "inner", "lif", "output"), ("fc", "lif")]
    return make_graph(edges, 3, 4, **nodes)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_node_graph_and_edge_is_drawn_once(layout):
    found = nirx.show(nested(), D, layout=layout)
    page = parse(found._repr_html_())
    boxes = [e.attributes["data-node"] for e in page.tags("g") if "data-node" in e.attributes]
    assert sorted(boxes) == sorted({"inner", *boxes})
    assert len(boxes) == len(nirx.schedule(nested(), D).order) + 1
    assert len(page.of_class("wire")) == 8
    (late,) = page.of_class("late")
    assert "stroke-dasharray" in late.tags("path")[0].attributes
    assert page.tags("script") == []
    assert "\x1b" not in found.svg


@pytest.mark.parametrize("layout", LAYOUTS)
def test_shapes_and_ranges_are_shown_on_hover(layout):
    page = parse(nirx.show(nested(), D, layout=layout).svg)
    titles = [e.text for e in page.tags("title")]
    assert "fc: Affine\n3 -> 4\nweight: 0.1 to 0.9, 4x3\nbias: 0.1 to 0.9, 4" in titles


def test_the_ranges_of_a_network_are_those_it_has_now(backend):
    net: Any = nirx.from_nir(nested(), backend, D)
    assert "weight: 0.1 to 0.9, 4x3" in nirx.show(net, layout="rows").svg
    if backend == "torch":
        net.fc.weight.data.mul_(10)
        assert "weight: 1 to 9, 4x3" in nirx.show(net, layout="rows").svg


def test_boxes_of_a_graph_do_not_overlap_and_lie_inside_it():
    schedule = nirx.schedule(nested(), D)
    places = {box.path: own for box, *own in place_in_rows(diagram_of(schedule)).boxes}
    for a, (x, y, w, h) in places.items():
        for b, (u, v, width, height) in places.items():
            if a == b[: len(a)]:
                assert x <= u
                assert u + width <= x + w
                assert y <= v
                assert v + height <= y + h
            elif b != a[: len(b)]:
                assert x + w <= u or u + width <= x or y + h <= v or v + height <= y


def test_a_network_a_schedule_and_a_path_are_drawn_too(tmp_path):
    graph = recurrent()
    nirx.write(tmp_path / "g.nir", graph)
    rule = nirx.Discretization(dt=1e-3)
    pictures = [
        nirx.show(one) for one in (nirx.from_nir(graph, "numpy", rule), nirx.schedule(graph, rule))
    ]
    pictures.append(nirx.show(tmp_path / "g.nir", rule))
    assert {repr(p) for p in pictures} == {"Picture(network of 6 nodes, 1 late edges)"}


def test_a_large_network_is_cut_with_a_note():
    found = nirx.show(chain([nir.Scale(np.ones(2))] * (MOST_BOXES + 8)), layout="rows")
    assert found.note == f"the first {MOST_BOXES} nodes; 10 more are not drawn"
    assert found._repr_html_().count("<rect") == MOST_BOXES


def test_many_nodes_in_graphs_become_one_box_each():
    inner = chain([nir.Scale(np.ones(2))] * MOST_BOXES)
    found = nirx.show(make_graph(line("input", "a", "output"), a=inner), layout="rows")
    assert found.note == "graphs below level 1 are drawn as one box"
    assert found.svg.count("<rect") == 3


def test_a_picture_is_saved_with_colours_of_its_own(tmp_path):
    found = nirx.show(recurrent(), layout="rows")
    found.save(tmp_path / "net.svg")
    assert "prefers-color-scheme" in (tmp_path / "net.svg").read_text()
    assert "prefers-color-scheme" not in found.svg
    with pytest.raises(nirx.InputError, match=r"\.svg"):
        found.save(tmp_path / "net.png")


def test_another_layout_is_refused():
    with pytest.raises(nirx.InputError, match="layout='circle'"):
        nirx.show(recurrent(), layout="circle")
