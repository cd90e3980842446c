"""Node types of other packages are found by their entry points, when a file or graph has one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest

import nirx
from nirx.cli.app import main
from nirx.dynamics import node_types, plugged_types
from support.graphs import chain, lif

PACKAGE = """
from dataclasses import dataclass
import nir, nirx, numpy as np
from nirx.dynamics import Stateless

@dataclass(eq=False)
class Plugged(nir.NIRNode):
    offset: np.ndarray
    def __post_init__(self):
        self.input_type = self.output_type = {"input": None}

class PluggedDynamics(Stateless):
    parameters = ("offset",)
    @classmethod
    def infer_shape(cls, node, input_shape):
        return input_shape
    def apply(self, ops, c, x):
        return ops.add(x, c["offset"])
"""
REGISTERS = "\nnirx.register_type(Plugged, dynamics=PluggedDynamics)\n"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a package whose entry point names the type Plugged."""
    before = dict(node_types._TYPES)

    def build(text=PACKAGE + REGISTERS):
        folder = tmp_path / "site"
        (folder / "brings_it-1.0.dist-info").mkdir(parents=True)
        (folder / "brings_it.py").write_text(text)
        info = folder / "brings_it-1.0.dist-info"
        (info / "METADATA").write_text("Name: brings-it\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[nirx.node_types]\nPlugged = brings_it:Plugged\n")
        monkeypatch.syspath_prepend(str(folder))
        plugged_types._points.cache_clear()

    yield build
    node_types._TYPES.clear()
    node_types._TYPES.update(before)
    plugged_types._points.cache_clear()
    sys.modules.pop("brings_it", None)


@pytest.fixture
def file(tmp_path) -> Path:
    """A file with a node of the type, written without the package."""
    path = tmp_path / "model.nir"
    nirx.write(path, chain({"mine": nir.Scale(np.array([1.0, 2.0]))}, 2), nirx.Discretization())
    with h5py.File(path, "r+") as opened:
        node = opened["node/nodes/mine"]
        assert isinstance(node, h5py.Group)
        del node["type"]
        node["type"] = "Plugged"
        node.move("scale", "offset")
    return path


def test_the_type_of_a_file_is_loaded_when_it_is_met(install, file):
    install()
    nirx.check(chain({"lif": lif(2)}, 2), nirx.Discretization(dt=1.0))
    assert "brings_it" not in sys.modules  # nothing is loaded for types that are known
    net = nirx.from_nir(str(file), "numpy")
    assert net(np.zeros(2, np.float32))[0].tolist() == [1.0, 2.0]


def test_the_command_line_opens_such_a_file(install, file, capsys):
    install()
    assert main(["info", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["nodes"][1]["type"] == "Plugged"


def test_a_graph_of_a_type_that_another_module_registers_is_loaded(install):
    install(PACKAGE)
    import brings_it  # pyright: ignore[reportMissingImports]

    graph = chain({"mine": brings_it.Plugged(np.ones(2))}, 2)
    with pytest.raises(nirx.GraphError, match="unknown node type Plugged"):
        nirx.check(graph, nirx.Discretization())
    nirx.register_type(brings_it.Plugged, dynamics=brings_it.PluggedDynamics)
    nirx.check(graph, nirx.Discretization())


def test_without_the_package_the_error_says_how_it_gets_in(file):
    with pytest.raises(nirx.GraphError) as refused:
        nirx.read(file)
    said = str(refused.value)
    assert said.startswith("mine: unknown node type 'Plugged'; expected one of Input")
    assert "register_type" in said
    assert "nirx.node_types" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PACKAGE, "entry point registers no type of that name"),
        ("raise RuntimeError('broken')", r"'brings_it:Plugged' cannot be loaded \(RuntimeError: b"),
        ("Plugged = 1 / 0", "cannot be loaded"),
        ("", "cannot be loaded"),
    ],
)
def test_a_package_that_does_not_bring_it_is_named(install, file, text, said):
    install(text)
    with pytest.raises(nirx.UnsupportedError, match=f"node type 'Plugged': .*brings-it.*{said}"):
        nirx.read(file)


@pytest.mark.slow
def test_a_process_of_its_own_finds_it(install, file, tmp_path):
    install()
    code = "import sys; from nirx.cli.app import main; sys.exit(main(['info', sys.argv[1]]))"
    paths = [str(tmp_path / "site"), *sys.path]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:] = {paths!r}; {code}", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Plugged" in done.stdout
