"""`nirx.Neuron` in files: plain nir opens them unchecked, loses nothing, and refuses by name."""

# h5py has no stubs for what a group may hold.
# pyright: reportIndexIssue=false, reportGeneralTypeIssues=false, reportAttributeAccessIssue=false

import h5py
import nir
import numpy as np
import pytest

import nirx
from nirx.graphs.neuron_form import NEURONS_KEY
from support.graphs import line, make_graph
from support.neurons import adaptive, alone, every_operation, in_a_loop


def nested():
    """Neurons in a subgraph, one of a name that HDF5 does not have."""
    inner = make_graph(
        [*line("input", "a/b", "w", "n", "output"), ("n", "w")],
        takes=4,
        **{"a/b": adaptive(), "w": nir.Linear(np.eye(4)), "n": every_operation()},
    )
    inner.nodes["n"].metadata = {"note": "mine"}
    return make_graph(
        [*line("input", "sub", "m", "output"), ("m", "m")], 4, sub=inner, m=adaptive()
    )


@pytest.mark.parametrize(
    "graph", [alone(adaptive()), in_a_loop(), nested()], ids=["alone", "loop", "nested"]
)
def test_a_file_gives_the_same_graph(graph, tmp_path):
    path = tmp_path / "g.nir"
    nirx.write(path, graph)
    assert nirx.same_graph(nirx.read(path), graph)
    opened = nir.read(path, type_check=False)
    nir.write(tmp_path / "again.nir", opened)
    assert nirx.same_graph(nirx.read(tmp_path / "again.nir"), graph)
    xs = np.random.default_rng(0).random((30, 4)).astype("f4") * 5
    runs = [nirx.from_nir(g, "numpy", dtype="float32").run(xs)[0] for g in (graph, path, opened)]
    assert len({nirx.digest({"ys": ys}) for ys in runs}) == 1


def test_nir_itself_refuses_the_neuron_by_its_name(tmp_path):
    nirx.write(tmp_path / "g.nir", alone(adaptive()))
    with pytest.raises(ValueError, match="destination node 'n' which does not exist"):
        nir.read(tmp_path / "g.nir")


def test_a_file_holds_no_text_of_python(tmp_path):
    nirx.write(tmp_path / "g.nir", alone(adaptive()))
    with h5py.File(tmp_path / "g.nir") as file:
        stored = file[f"node/metadata/{NEURONS_KEY}/n"]
        kinds = {name: stored[name].dtype.kind for name in stored}
    assert kinds["operations"] == "i"
    texts = {"label", "names", "states", "unit.tau", "unit.tau_a"}
    assert {name for name, kind in kinds.items() if kind == "O"} == texts


CHANGES = {
    "an operation that is unknown": ("operations", np.full((3, 4), 99), "names entry 99"),
    "no operations": ("operations", np.zeros((0, 4), np.int64), "names entry"),
    "a parameter of text": ("p.theta", "abc", "theta"),
    "a parameter not finite": ("p.theta", np.nan, "finite"),
    "an initial value of another shape": ("initial.v", np.zeros(7), "shape"),
    "an unknown entry": ("code", "import os", "a Neuron has no 'code'"),
    "a name that is none": ("p.a b", 1.0, "has the name 'a b'"),
    "a missing state": ("states", "v", "results"),
}


@pytest.mark.parametrize(("entry", "value", "said"), CHANGES.values(), ids=CHANGES.keys())
def test_changed_files_are_refused(entry, value, said, tmp_path):
    nirx.write(tmp_path / "g.nir", alone(adaptive()))
    with h5py.File(tmp_path / "g.nir", "r+") as file:
        group = file[f"node/metadata/{NEURONS_KEY}/n"]
        if entry in group:
            del group[entry]
        group[entry] = value
    with pytest.raises(nirx.GraphError, match=said):
        nirx.read(tmp_path / "g.nir")


@pytest.mark.parametrize("stored", [3, "text", {"n": 4}, {"n": {"metadata": 1}}, {"input": {}}])
def test_strange_metadata_of_a_graph_in_memory(stored):
    graph = alone(adaptive())
    graph.metadata = {NEURONS_KEY: stored}
    with pytest.raises(nirx.GraphError, match=NEURONS_KEY):
        nirx.check(graph)


def test_a_graph_is_never_changed_by_writing(tmp_path):
    graph = nested()
    nirx.write(tmp_path / "g.nir", graph)
    assert nirx.same_graph(graph, nested())
    assert NEURONS_KEY not in graph.metadata
