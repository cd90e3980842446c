"""`nirx.export_c` and `nirx export-c`: the files, their test bench, what is refused."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.cli import main
from nirx.dynamics import node_types
from nirx.dynamics.base import Elementwise, Stateless
from nirx.dynamics.linear import Linear
from support.golden import COMPILERS, FLAGS, needs_compiler
from support.graphs import chain, neuron, recurrent

NAMES = ["Makefile", "README.txt", "net.c", "net.h", "test_bench.c"]
PAGE = Path(__file__).parents[2] / "docs" / "golden-model.md"
RULE = nirx.Discretization(dt=1e-3)
WHOLE = nirx.Discretization(dt=1.0, reset="subtract", arithmetic=nirx.Arithmetic())


def integers(inputs=64, outputs=10):
    weight = np.arange(inputs * outputs).reshape(outputs, inputs) % 17 - 5.0
    lif = neuron(nir.LIF, outputs, tau=2.0, r=2.0, v_threshold=30.0)
    return chain({"fc": nir.Linear(weight), "lif": lif}, inputs, outputs)


def run(folder, *command):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def compiled(folder, *sources, compiler=None, flags=FLAGS):
    """Compile and run a program."""
    own = compiler or COMPILERS[0]
    status, _, err = run(folder, own, *flags, "-o", "program", *sources)
    assert (status, err) == (0, "")
    return run(folder, "./program")


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "float64", "integers"])
def test_the_test_bench_passes_and_finds_a_wrong_bit(tmp_path, dtype):
    graph, rule = (integers(8, 3), WHOLE) if dtype == "integers" else (recurrent(), RULE)
    kind = "float32" if dtype == "integers" else dtype
    made = nirx.export_c(graph, tmp_path / "out", rule, dtype=kind, name="net", steps=9, batch=2)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == NAMES
    assert made.to_dict()["files"] == {n: (tmp_path / "out" / n).stat().st_size for n in made.files}
    assert (made.numbers, made.steps, made.samples) == (dtype, 9, 2)
    sources = ("test_bench.c", "net.c")
    status, out, _ = compiled(tmp_path / "out", *sources)
    assert (status, out) == (0, f"net: {made.compared} values are equal, bit for bit\n")
    bench = tmp_path / "out" / "test_bench.c"
    head, table, rest = bench.read_text().partition("out_output[")
    wrong = "INT64_C(9)" if dtype == "integers" else "0x1.5p+3"
    bench.write_text(head + table + re.sub(r"(?<=\{\n    )[^,]+", wrong, rest, count=1))
    status, out, _ = compiled(tmp_path / "out", *sources)
    assert status == 1
    assert out.count("expected") == 1
    assert out.endswith(f"net: 1 of {made.compared} values differ\n")


@needs_compiler
@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
def test_make(tmp_path):
    nirx.export_c(integers(4, 2), tmp_path, WHOLE, name="net", steps=5)
    status, out, err = run(tmp_path, "make", f"CC={COMPILERS[0]}", "test")
    assert (status, err) == (0, "")
    assert "bit for bit" in out
    nirx.export_c(integers(4, 2), tmp_path, WHOLE, name="net", steps=5)  # over what it built
    assert sorted(path.name for path in tmp_path.iterdir()) == NAMES


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


@needs_compiler
@pytest.mark.skipif(not shutil.which("g++"), reason="there is no C++ compiler")
def test_the_examples_of_the_page(tmp_path):
    nirx.export_c(integers(), tmp_path, WHOLE, name="net", steps=3)
    (cpp,), (wrapper,) = blocks("cpp"), blocks("c")
    (tmp_path / "bench.cpp").write_text(cpp)
    (tmp_path / "dpi.c").write_text(wrapper)
    assert run(tmp_path, COMPILERS[0], *FLAGS, "-c", "net.c", "dpi.c")[::2] == (0, "")
    status, out, _ = compiled(
        tmp_path, "bench.cpp", "net.o", compiler="g++", flags=["-Wall", "-Wextra", "-Werror"]
    )
    assert (status, out) == (0, "equal\n")
    # Verilator compiles C as C++.
    flags = ["-x", "c++", "-Wall", "-Wextra", "-Werror", "-c", "net.c", "dpi.c"]
    assert run(tmp_path, "g++", *flags)[::2] == (0, "")
    (called,) = blocks("systemverilog")
    assert all(f"{name}(" in called for name in re.findall(r"^void (\w+)\(", wrapper, re.MULTILINE))


def test_names_of_nodes_and_ports_are_made_safe(tmp_path):
    nodes = {name: nir.Scale(np.ones(2)) for name in ("a/*b*/", "int", "7")}
    nirx.export_c(chain(nodes, 2, 2), tmp_path, RULE, name="net", steps=2)
    header = (tmp_path / "net.h").read_text()
    for member in ("a_b_y[2]", "int_2_y[2]", "n7_y[2]"):
        assert member in header
    if COMPILERS:
        assert compiled(tmp_path, "test_bench.c", "net.c")[0] == 0


@dataclass(eq=False)
class Half(nir.NIRNode):
    """A node of someone else."""

    weight: np.ndarray

    def __post_init__(self) -> None:
        self.input_type = {"input": None}
        self.output_type = {"output": None}


class Halved(Elementwise, Stateless):
    parameters = ("weight",)

    def apply(self, ops: Any, c: Any, x: Any) -> Any:
        return ops.mul(x, c["weight"])


class Neighbours(Halved):
    def apply(self, ops: Any, c: Any, x: Any) -> Any:
        return ops.add(x, x[..., ::-1])


class Twice(Linear):
    def apply(self, ops: Any, c: Any, x: Any) -> Any:
        return super().apply(ops, c, ops.add(x, x))


@pytest.fixture
def registering(monkeypatch):
    """What a test registers is gone after it."""
    monkeypatch.setattr(node_types, "_TYPES", dict(node_types._TYPES))


@pytest.mark.usefixtures("registering")
def test_a_registered_type_is_exported_if_it_is_elementwise(tmp_path):
    nirx.register_type(Half, dynamics=Halved)
    graph = chain({"half": Half(np.array([0.5, 3.0]))}, 2, 2)
    nirx.export_c(graph, tmp_path, RULE, steps=3)
    assert "half_weight[n]" in (tmp_path / "model.c").read_text()
    if COMPILERS:
        assert compiled(tmp_path, "test_bench.c", "model.c")[0] == 0


@pytest.mark.usefixtures("registering")
@pytest.mark.parametrize(("dynamics", "weight"), [(Neighbours, np.ones(2)), (Twice, np.eye(2))])
def test_other_registered_types_are_refused_by_name(tmp_path, dynamics, weight):
    nirx.register_type(Half, dynamics=dynamics)
    graph = chain({"half": Half(weight)}, 2, 2)
    with pytest.raises(nirx.UnsupportedError, match=r"'half' \(Half\) cannot be exported to C"):
        nirx.export_c(graph, tmp_path, RULE)
    assert list(tmp_path.iterdir()) == []


def test_integers_refuse_what_is_not_whole(tmp_path):
    with pytest.raises(nirx.InputError, match=r"input 'input' has 0\.5.*expected whole numbers"):
        nirx.export_c(integers(2, 2), tmp_path, WHOLE, data=np.full((3, 1, 2), 0.5))
    assert list(tmp_path.iterdir()) == []


def test_refusals(tmp_path):
    graph = recurrent()
    with pytest.raises(nirx.InputError, match="expected at most 2,000,000: take up to"):
        nirx.export_c(graph, tmp_path, RULE, steps=10**6)
    with pytest.raises(nirx.InputError, match="expected a name for C"):
        nirx.export_c(graph, tmp_path, RULE, name="a-b")
    with pytest.raises(nirx.UnsupportedError, match="dtype"):
        nirx.export_c(graph, tmp_path, RULE, dtype="float16")
    with pytest.raises(nirx.InputError, match="no steps"):
        nirx.export_c(graph, tmp_path, RULE, data=np.zeros((0, 1, 3), np.float32))
    with pytest.raises(nirx.FileError, match="there is no folder"):
        nirx.export_c(graph, tmp_path / "a" / "b", RULE)
    assert list(tmp_path.iterdir()) == []


def test_the_graph_is_not_changed(tmp_path):
    graph = recurrent()
    before = nirx.read(_written(tmp_path / "g.nir", graph))
    nirx.export_c(graph, tmp_path / "out", RULE, steps=2)
    assert nirx.same_graph(graph, before)


def _written(path, graph):
    nirx.write(path, graph)
    return path


def test_the_same_files_every_time(tmp_path):
    for own in ("one", "two"):
        nirx.export_c(recurrent(), tmp_path / own, RULE, steps=4)
    for name in ("model.c", "model.h", "test_bench.c", "README.txt"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_several_ports(tmp_path):
    edges = [("a", "s"), ("b", "s"), ("s", "y"), ("a", "z")]
    nodes = {name: nir.Input(np.array([2])) for name in "ab"}
    outs = {name: nir.Output(np.array([2])) for name in "yz"}
    graph = nir.NIRGraph({**nodes, **outs, "s": nir.Scale(np.ones(2))}, edges, type_check=False)
    nirx.export_c(graph, tmp_path, RULE, steps=3)
    header = (tmp_path / "model.h").read_text()
    assert all(f"    float {name}[2];" in header for name in "abyz")
    if COMPILERS:
        assert compiled(tmp_path, "test_bench.c", "model.c")[0] == 0


def test_command(tmp_path, capsys):
    nirx.write(tmp_path / "My Net.nir", recurrent())
    file, out = str(tmp_path / "My Net.nir"), tmp_path / "out"
    assert main(["export-c", file, "--out", str(out), "--dt", "1e-3", "--steps", "4"]) == 0
    text, err = capsys.readouterr()
    assert err == ""
    assert "my_net_init, my_net_step" in text
    assert (out / "my_net.h").exists()
    assert (
        main(["export-c", file, "--out", str(out), "--dt", "1e-3", "--steps", "4", "--json"]) == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert found["steps"] == 4
    assert found["numbers"] == "float32"
    (out / "mine").write_text("")
    assert main(["export-c", file, "--out", str(out), "--dt", "1e-3"]) == 2
    text, err = capsys.readouterr()
    assert text == ""
    assert "holds 'mine'" in err
