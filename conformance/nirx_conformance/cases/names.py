"""Odd names: ones that may break a path, a file, an identifier or a sort order."""

from __future__ import annotations

import nir

import nirx
from nirx_conformance.cases.case import FixedCase, drive, graph, neuron, port_in, port_out, uniform

__all__ = ["CASES"]

D = nirx.Discretization(dt=1e-3)
ODD = {
    "slashes and tildes": ("a/b", "~", "a~1b"),
    "dots": ("v1.0", ".hidden", "w."),
    "quotes and spaces": ("it's", 'say "hi"', "with space"),
    "other scripts": ("naïve", "神経", "🧠"),
    "words of Python and torch": ("self", "class", "forward"),
    "words of nirx": ("feedback", "state", "weight"),
    "one letter in two cases": ("A", "a", "á"),
}


def _loop(x: str, y: str, z: str) -> nir.NIRGraph:
    """Two neurons, a feedback Linear, a sum of three; the Input and Output have odd names too."""
    nodes = {
        f"in {x}": port_in(3),
        x: neuron(nir.LIF, 9800, 3),
        y: nir.Linear(uniform(9801, 3, 3)),
        z: neuron(nir.CubaLIF, 9802, 3, r=12.0),
        f"out {z}": port_out(3),
    }
    edges = [(f"in {x}", x), (x, y), (y, x), (x, z), (y, z), (f"in {x}", z), (z, f"out {z}")]
    return nir.NIRGraph(nodes, edges, type_check=False)


def _nested(outer: str, name: str) -> nir.NIRGraph:
    inner = graph({"input": port_in(3), "output": port_out(3)}, "input -> output")
    inner.nodes[name] = neuron(nir.LIF, 9803, 3)
    inner.edges[:] = [("input", name), (name, name), (name, "output")]
    nodes = {"input": port_in(3), outer: inner, "output": port_out(3)}
    return nir.NIRGraph(nodes, [("input", outer), (outer, "output")], type_check=False)


CASES = (
    *(
        FixedCase(f"names of {words}", _loop(*names), drive(9810 + k, 20, 2, 3), D, level="full")
        for k, (words, names) in enumerate(ODD.items())
    ),
    FixedCase(
        "names of nested slashes", _nested("a/b", "c~/d"), drive(9820, 20, 2, 3), D, level="full"
    ),
    FixedCase(
        "names of a node called as its graph",
        _nested("x", "x"),
        drive(9821, 20, 2, 3),
        D,
        level="full",
    ),
    FixedCase(
        "names of 200 letters", _nested("n" * 200, "m"), drive(9822, 20, 2, 3), D, level="full"
    ),
)
