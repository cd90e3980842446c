"""nirx.read(declared="repair"), what it warns about, and the public files."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from support.graphs import affine, chain, lif
from support.paper import shared_folder

D = nirx.Discretization(dt=1.0)


def written(path: Path, graph: nir.NIRGraph) -> Path:
    """A file as nir's own writer leaves it."""
    nir.write(path, graph)
    return path


def batched() -> nir.NIRGraph:
    return chain([affine(7, 12), lif(7)], (256, 12), (256, 7))


def test_a_repair_warns_about_every_change(tmp_path):
    path = written(tmp_path / "g.nir", batched())
    with pytest.raises(nirx.GraphError, match=r'256.*declared="repair"'):
        nirx.read(path)
    with pytest.warns(nirx.NirxWarning) as caught:
        graph = nirx.read(path, declared="repair")
    texts = [str(w.message) for w in caught]
    assert [text.split("repaired ")[1].split(":")[0] for text in texts] == ["input", "output"]
    assert "(256, 12), now (12,)" in texts[0]
    assert all(text.startswith(str(path)) for text in texts)
    nirx.check(graph, D)


def test_a_good_file_is_read_the_same_with_and_without_repair(example, tmp_path):
    nirx.write(tmp_path / "g.nir", example.graph)
    plain, repaired = (nirx.read(tmp_path / "g.nir", declared=d) for d in ("check", "repair"))
    assert nirx.same_graph(plain, repaired)


def test_a_repaired_graph_can_be_written_and_read_without_repair(tmp_path):
    with pytest.warns(nirx.NirxWarning, match="repaired"):
        graph = nirx.read(written(tmp_path / "g.nir", batched()), declared="repair")
    nirx.write(tmp_path / "h.nir", graph)
    assert nirx.same_graph(nirx.read(tmp_path / "h.nir"), graph)
    assert nir.read(tmp_path / "h.nir").nodes.keys() == graph.nodes.keys()


def test_a_wrong_port_is_written_with_the_shape_that_it_receives(tmp_path):
    graph = chain({"sub": chain([affine(3, 2)], 2, (1, 3))}, 2, (1, 3))
    with pytest.warns(nirx.NirxWarning, match="batch axis of 1"):
        nirx.write(tmp_path / "g.nir", graph)
    assert tuple(graph.nodes["output"].input_type["input"]) == (1, 3)
    again: Any = nirx.read(tmp_path / "g.nir")
    for node in (again.nodes["output"], again.nodes["sub"].nodes["output"]):
        assert tuple(node.input_type["input"]) == (3,)
    nir.read(tmp_path / "g.nir")


def test_a_misdeclared_port_of_a_file_is_a_warning(tmp_path):
    path = written(tmp_path / "g.nir", chain([affine(3, 2)], 2, (1, 3)))
    with pytest.warns(nirx.NirxWarning, match="output declares a batch axis of 1"):
        graph = nirx.read(path)
    assert tuple(graph.nodes["output"].input_type["input"]) == (3,)


def test_what_stays_wrong_is_refused_after_a_repair_too(tmp_path):
    path = written(tmp_path / "g.nir", chain([affine(7, 12), lif(7, tau=-1.0)], (256, 12), 7))
    with pytest.raises(nirx.GraphError, match="tau > 0") as caught:
        nirx.read(path, declared="repair")
    assert [fault.where for fault in caught.value.faults] == ["n1"]


def test_another_choice_is_an_input_error(tmp_path):
    with pytest.raises(nirx.InputError, match="did you mean 'repair'"):
        nirx.read(tmp_path / "g.nir", declared="repare")


# What is certain in each public file: read as it is, read after a repair of these nodes, or
# refused with these words.
PUBLIC: dict[str, tuple[str, ...] | str] = {
    "nir_files/BRANDY_cnn_sinabs.nir": ("15", "output"),
    "nir_files/FedSNN_example.nir": "unfinished: .* not its edges and its type",
    "nir_files/NIR_braille.nir": ("lif1", "input"),
    "nir_files/NIR_braille_subgraph.nir": ("hidden/input",),
    "nir_files/NIR_lif_rockpool.nir": ("output",),
    "nir_files/NIR_scnn_mnist.nir": (),
    "nir_files/rockpool_braille.nir": ("hidden/input",),
    "nir_files/spyx_scnn_mnist.nir": ("8",),
    "nir_files/spyx_spyx_shd.nir": "tau is -(.|\n)*weight transposed",
    "nir_paper/braille_noDelay_bias_zero.nir": (),
    "nir_paper/braille_noDelay_bias_zero_subgraph.nir": ("lif1/lif1",),
    "nir_paper/braille_noDelay_noBias_subtract.nir": (),
    "nir_paper/cnn_sinabs.nir": (),
    "nir_paper/lif_norse.nir": (),
}


@pytest.mark.parametrize("name", PUBLIC)
def test_public_files_are_read_repaired_or_refused_with_the_cause(name):
    path = shared_folder(name.split("/")[0]) / name.split("/")[1]
    expected = PUBLIC[name]
    if isinstance(expected, str):
        with pytest.raises(nirx.NirxError, match=expected):
            nirx.read(path, declared="repair")
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        graph = nirx.read(path, declared="repair")
    texts = [str(w.message).removeprefix(f"{path}: repaired ") for w in caught]
    assert tuple(text.split(":")[0] for text in texts) == expected
    schedule = nirx.schedule(graph, nirx.Discretization(dt=1e-4))
    assert len(schedule.inputs) == len(schedule.outputs) == 1


@pytest.mark.parametrize("name", ["nir_files", "nir_paper"])
def test_every_public_file_is_in_the_table(name):
    found = {f"{name}/{path.name}" for path in shared_folder(name).glob("*.nir")}
    assert found <= set(PUBLIC)


def test_a_repaired_public_network_runs():
    path = shared_folder("nir_files") / "NIR_braille.nir"
    with pytest.warns(nirx.NirxWarning, match="repaired"):
        graph = nirx.read(path, declared="repair")
    net = nirx.from_nir(graph, "numpy", D)
    ys, _, _ = net.run(np.ones((20, 2, 12), np.float32), record=["lif1/lif"])
    assert ys.shape == (20, 2, 7)
