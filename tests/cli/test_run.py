"""`nirx run`: files in, files out, the same numbers as `net.run`."""

from __future__ import annotations

import json
import zipfile
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.cli import main
from nirx.cli.pieces import piece_length
from nirx.files.archive import save_arrays
from nirx.files.archive_reading import Members, load_arrays
from support.graphs import lif, line, make_graph, neuron

D = nirx.Discretization(dt=1.0)


def two_inputs(names: tuple[str, str] = ("a", "b")) -> nir.NIRGraph:
    ins = {name: nir.Input({"input": np.array([2])}) for name in names}
    outs = {name: nir.Output({"output": np.array([2])}) for name in ("spikes", "smooth")}
    between = {"lif": lif(v_threshold=0.3), "li": neuron(nir.LI)}
    edges = [(names[0], "lif"), (names[1], "lif"), ("lif", "spikes"), *line("lif", "li", "smooth")]
    return nir.NIRGraph({**ins, **between, **outs}, edges, type_check=False)


def one_input() -> nir.NIRGraph:
    nodes = {"lif": lif(v_threshold=0.3), "rec": nir.Scale(np.full(2, 0.5))}
    return make_graph([*line("input", "lif", "rec", "lif"), ("lif", "output")], **nodes)


@pytest.fixture
def one(tmp_path):
    nirx.write(tmp_path / "one.nir", one_input(), D)
    return str(tmp_path / "one.nir")


@pytest.fixture
def two(tmp_path):
    nirx.write(tmp_path / "two.nir", two_inputs(), D)
    return str(tmp_path / "two.nir")


def spikes(*shape: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random(shape) < 0.5).astype(np.float32)


def numbers(path: Any) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


@pytest.mark.parametrize("chunk", [None, 7, 40])
def test_output_equals_net_run(two, tmp_path, chunk):
    xs = {"a": spikes(40, 3, 2), "b": spikes(40, 3, 2, seed=1)}
    np.savez(tmp_path / "x.npz", a=xs["a"], b=xs["b"])
    args = ["run", two, "--input", str(tmp_path / "x.npz"), "--out", str(tmp_path / "y.npz")]
    args += ["--record", "lif.v", "--record", "li"] + (["--chunk", str(chunk)] if chunk else [])
    assert main(args) == 0
    ys, _, rec = nirx.from_nir(two, "numpy", D).run(xs, record=["lif.v", "li"])
    found = numbers(tmp_path / "y.npz")
    expected = {**ys, **rec}
    assert set(found) == set(expected) == {"spikes", "smooth", "lif.v", "li"}
    for name, array in expected.items():
        assert found[name].dtype == np.float32
        assert np.array_equal(found[name], array)
    assert found["spikes"].any()


def test_record_all(one, tmp_path):
    assert main(["run", one, "--random", "0", "--record", "all", "--out", f"{tmp_path}/y.npz"]) == 0
    assert set(numbers(tmp_path / "y.npz")) == {"input", "lif", "lif.v", "rec", "output"}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [bool, "u1", "i8", "f2", "f8", ">f4", "g"])
@pytest.mark.parametrize("form", ["npz", "npy"])
def test_inputs_are_cast(one, tmp_path, dtype, form):
    xs = spikes(20, 2)
    path = tmp_path / f"x.{form}"
    if form == "npz":
        np.savez(path, whatever=xs.astype(dtype))
    else:
        np.save(path, xs.astype(dtype))
    assert main(["run", one, "--input", str(path), "--out", f"{tmp_path}/y.npz"]) == 0
    ys, _ = nirx.from_nir(one, "numpy", D).run(xs)
    assert np.array_equal(numbers(tmp_path / "y.npz")["output"], ys)


def test_float64_is_written_as_float64(one, tmp_path):
    args = ["run", one, "--random", "0", "--dtype", "float64", "--out", f"{tmp_path}/y.npz"]
    assert main(args) == 0
    assert numbers(tmp_path / "y.npz")["output"].dtype == np.float64


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_state_goes_from_run_to_run(one, tmp_path, backend):
    if backend != "numpy":
        pytest.importorskip(backend)
    xs = spikes(30, 4, 2)
    np.save(tmp_path / "x0.npy", xs[:11])
    np.save(tmp_path / "x1.npy", xs[11:])
    state = f"{tmp_path}/s.npz"
    first = ["run", one, "--input", f"{tmp_path}/x0.npy", "--backend", backend]
    assert main([*first, "--out", f"{tmp_path}/y0.npz", "--state-out", state]) == 0
    assert set(numbers(state)) == {"lif/v", "lif/feedback/rec"}
    then = ["run", one, "--input", f"{tmp_path}/x1.npy", "--state-in", state]
    assert main([*then, "--out", f"{tmp_path}/y1.npz"]) == 0
    ys, _ = nirx.from_nir(one, "numpy", D).run(xs)
    parts = [numbers(tmp_path / f"y{k}.npz")["output"] for k in (0, 1)]
    assert np.array_equal(np.concatenate(parts), ys)


def test_random_input_is_the_documented_one(two, tmp_path):
    args = ["run", two, "--random", "5", "--steps", "20", "--batch", "3", "--rate", "0.4"]
    assert main([*args, "--out", f"{tmp_path}/y.npz", "--record", "a", "--record", "b"]) == 0
    generator = np.random.default_rng(5)
    found = numbers(tmp_path / "y.npz")
    for name in ("a", "b"):
        assert np.array_equal(found[name], generator.random((20, 3, 2)) < 0.4)


def test_json_and_table_show_shapes_and_spike_counts(two, capsys):
    args = ["run", two, "--random", "0", "--steps", "50", "--batch", "2"]
    assert main([*args, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["steps"], found["batch"], found["backend"]) == (50, [2], "numpy")
    assert found["outputs"]["spikes"]["spikes"] > 0
    assert found["outputs"]["smooth"]["spikes"] is None
    assert main(args) == 0
    text = capsys.readouterr().out
    assert "50x2x2" in text
    assert f"{found['outputs']['spikes']['spikes']}" in text


def test_a_run_of_no_steps_writes_empty_arrays(one, tmp_path):
    args = ["run", one, "--random", "0", "--steps", "0", "--record", "lif.v"]
    assert main([*args, "--out", f"{tmp_path}/y.npz", "--state-out", f"{tmp_path}/s.npz"]) == 0
    assert {k: v.shape for k, v in numbers(tmp_path / "y.npz").items()} == {
        "output": (0, 1, 2), "lif.v": (0, 1, 2)
    }  # fmt: skip


def test_old_output_is_replaced_and_no_other_file_is_left(one, tmp_path):
    (tmp_path / "out").mkdir()
    target = tmp_path / "out" / "y.npz"
    target.write_text("old")
    assert main(["run", one, "--random", "0", "--out", str(target)]) == 0
    assert set(numbers(target)) == {"output"}
    assert [p.name for p in target.parent.iterdir()] == ["y.npz"]


def test_what_is_read_is_not_overwritten(one, tmp_path, capsys):
    np.save(tmp_path / "x.npy", spikes(5, 1, 2))
    for target in (one, f"{tmp_path}/x.npy"):
        with open(target, "rb") as stream:
            before = stream.read()
        assert main(["run", one, "--input", f"{tmp_path}/x.npy", "--out", target]) == 2
        assert "is also an input" in capsys.readouterr().err
        with open(target, "rb") as stream:
            assert stream.read() == before


def test_failed_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "y.npz"
    target.write_text("old")
    with pytest.raises(ValueError, match="Object arrays"):
        save_arrays(target, {"a": np.zeros(3), "b": np.array([{}], object)})
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["y.npz"]


@pytest.mark.parametrize(
    "name", ["file", "allow_pickle", "x.npy", "a/b", "\0", "\ud800", "..", "é"]
)
def test_any_name_is_an_input_and_a_key(name, tmp_path):
    path = tmp_path / "g.nir"
    nirx.write(path, two_inputs((name, "zz")), D)
    xs = {name: spikes(5, 2), "zz": spikes(5, 2, seed=1)}
    save_arrays(tmp_path / "x.npz", xs)
    args = ["run", str(path), "--input", f"{tmp_path}/x.npz", "--out", f"{tmp_path}/y.npz"]
    assert main([*args, "--record", "all"]) == 0
    found = load_arrays(tmp_path / "y.npz")
    assert isinstance(found, Members)
    assert any(np.array_equal(array, xs[name]) for array in found.values())


def test_archive_is_a_plain_zip_that_numpy_reads(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3), "scalar": np.float32(2), "none": np.zeros((0, 2))}
    save_arrays(tmp_path / "y.npz", arrays)
    assert zipfile.ZipFile(tmp_path / "y.npz").testzip() is None
    found = numbers(tmp_path / "y.npz")
    assert all(np.array_equal(found[k], v) for k, v in arrays.items())


@pytest.mark.parametrize(
    ("steps", "length"), [(0, 1), (5, 5), (256, 256), (300, 150), (1000, 250), (257, 256)]
)
def test_pieces_are_equal_where_they_can_be(steps, length):
    assert piece_length(steps) == length
