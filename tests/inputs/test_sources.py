"""Inputs of a reference: every kind of file gives the dense array, however it is cut."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nirx
from nirx.errors import FileError, InputError, NirxWarning
from nirx.graphs.schedule import Schedule, schedule
from nirx.inputs import Source, source_for

D = nirx.Discretization(dt=1e-3)


def graph_of(**inputs: tuple[int, ...]) -> nir.NIRGraph:
    nodes: dict[str, Any] = {"out": nir.Output({"output": np.array([2])})}
    edges = []
    for name, shape in inputs.items():
        size = int(np.prod(shape))
        nodes[name] = nir.Input({"input": np.array(shape)})
        flat = {"input": np.array(shape)}
        nodes[f"flat_{name}"] = nir.Flatten(flat, start_dim=0, end_dim=-1)
        nodes[f"w_{name}"] = nir.Linear(np.ones((2, size), np.float32))
        edges += [(name, f"flat_{name}"), (f"flat_{name}", f"w_{name}"), (f"w_{name}", "out")]
    return nir.NIRGraph(nodes, edges, type_check=False)


def plan(**inputs: tuple[int, ...]) -> Schedule:
    return schedule(graph_of(**inputs), D)


ONE = plan(x=(2, 3))
TWO = plan(a=(3,), b=(2, 2))
STEPS, SAMPLES = 23, 2


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape)


def whole(source: Source) -> dict[str, np.ndarray]:
    return source.read(0, source.steps)


def write_events(path: Path, dense: np.ndarray, record: bool = False) -> None:
    """[time, samples, y, x] of whole numbers as one group per sample; half-step times in us."""
    with h5py.File(path, "w") as file:
        for sample in range(dense.shape[1]):
            own = dense[:, sample]
            step, y, x = (np.repeat(i, own[own > 0]) for i in np.nonzero(own))
            order = np.random.default_rng(sample).permutation(len(step))
            t, x, y = (1000 * step + 500)[order], x[order], y[order]
            group = file.create_group(f"rec{sample}")
            if record:
                kinds = [("t", "i8"), ("x", "u2"), ("y", "u2"), ("p", "i1")]
                group["events"] = np.array(
                    list(zip(t, x, y, np.ones_like(x), strict=True)), np.dtype(kinds)
                )
            else:
                for name, column in (("t", t), ("x", x), ("y", y)):
                    group[name] = column


def counts() -> np.ndarray:
    dense = np.random.default_rng(3).integers(0, 3, (STEPS, SAMPLES, 2, 3))
    dense[-1] = 1
    return dense


def nir_data(path: Path, data: Any, name: str = "x", observable: str = "input") -> None:
    node = nir.NIRNodeData({observable: data})
    nir.serialization.write_data(path, nir.NIRGraphData({name: node}))


def as_events(dense: np.ndarray, valued: bool) -> Any:
    """[time, samples, *features] as NIR's events, in the middle of their steps."""
    flat = dense.reshape(STEPS, SAMPLES, -1)
    most = max(np.count_nonzero(flat[:, s]) for s in range(SAMPLES))
    idx, time = np.full((SAMPLES, most), -1), np.full((SAMPLES, most), np.inf)
    value = np.zeros((SAMPLES, most))
    for s in range(SAMPLES):
        step, neuron = np.nonzero(flat[:, s])
        idx[s, : len(step)], time[s, : len(step)] = neuron, (step + 0.5) * 1e-3
        value[s, : len(step)] = flat[step, s, neuron]
    if valued:
        return nir.ValuedEventData(idx, time, 6, STEPS * 1e-3, value)
    return nir.EventData(idx, time, 6, STEPS * 1e-3)


def make(kind: str, folder: Path) -> tuple[Any, np.ndarray]:
    """Data of a kind for ONE, and what it must give."""
    xs = numbers(STEPS, SAMPLES, 2, 3).astype(np.float32)
    path = folder / kind
    if kind == "array":
        return xs, xs
    if kind == "npy":
        np.save(path := path.with_suffix(".npy"), xs)
    elif kind == "npy-fortran":
        np.save(path := path.with_suffix(".npy"), np.asfortranarray(xs))
    elif kind == "npz":
        np.savez(path := path.with_suffix(".npz"), x=xs, other=np.zeros(3))
    elif kind == "npz-fortran":
        np.savez(path := path.with_suffix(".npz"), x=np.asfortranarray(xs))
    elif kind == "npz-compressed":
        np.savez_compressed(path := path.with_suffix(".npz"), x=xs)
    elif kind == "npz-compressed-fortran":
        np.savez_compressed(path := path.with_suffix(".npz"), x=np.asfortranarray(xs))
    elif kind == "csv":
        path = path.with_suffix(".csv")
        rows = [",".join(map(repr, row.ravel().tolist())) for row in xs[:, 0]]
        path.write_text("a,b,c,d,e,f\n" + "\n".join(rows) + "\n")
        return path, xs[:, :1]
    elif kind == "csv-list":
        path = path.with_suffix(".csv")
        rows = [f"{t},{s},{i};{j},{xs[t, s, i, j]!r}" for t, s, i, j in np.ndindex(xs.shape)]
        rows = [row.replace("np.float32(", "").replace(")", "") for row in rows]
        path.write_text("step,sample,index,value\n" + "\n".join(rows[::-1]))
    elif kind == "nirdata":
        flat = xs.reshape(STEPS, SAMPLES, 6).swapaxes(0, 1)
        nir_data(path := path.with_suffix(".h5"), nir.TimeGriddedData(flat, 1e-3))
    elif kind == "nirdata-valued":
        nir_data(path := path.with_suffix(".h5"), as_events(xs, True))
    elif kind == "nirdata-events":
        xs = (xs > 0.5).astype(np.float32)
        nir_data(path := path.with_suffix(".h5"), as_events(xs, False))
    elif kind in ("events", "events-record"):
        xs = counts().astype(np.float32)
        write_events(path := path.with_suffix(".h5"), counts(), kind == "events-record")
    else:
        raise AssertionError(kind)
    return path, xs


FILES = [
    "array",
    "npy",
    "npy-fortran",
    "npz",
    "npz-fortran",
    "npz-compressed",
    "npz-compressed-fortran",
    "csv",
    "csv-list",
    "nirdata",
    "nirdata-valued",
    "nirdata-events",
    "events",
    "events-record",
]


@pytest.fixture(scope="module", params=FILES)
def made(request, tmp_path_factory):
    return make(request.param, tmp_path_factory.mktemp("kinds"))


def opened(data: Any, **options: Any) -> Source:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NirxWarning)
        return source_for(ONE, data, "float32", **options)


def test_gives_the_dense_array(made):
    data, expected = made
    source = opened(data)
    assert (source.steps, source.batch) == (STEPS, expected.shape[1:2])
    found = whole(source)["x"]
    assert found.dtype == np.float32
    assert np.array_equal(found, expected)
    assert json.loads(json.dumps(source.identity)) == source.identity
    assert isinstance(source, Source)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(spans=st.lists(st.tuples(st.integers(0, STEPS), st.integers(0, STEPS)), max_size=6))
def test_any_cut_in_any_order(made, spans):
    data, expected = made
    source = opened(data)
    for a, b in spans:
        found = source.read(min(a, b), max(a, b))["x"]
        assert np.array_equal(found, expected[min(a, b) : max(a, b)])


def test_twice_the_same_and_nothing_shared(made):
    data, expected = made
    first, second = opened(data), opened(data)
    assert first.identity == second.identity
    own = whole(first)["x"]
    own[...] = -1
    assert np.array_equal(whole(first)["x"], expected)
    assert np.array_equal(whole(second)["x"], expected)


def test_a_shorter_run_is_the_beginning(made):
    data, expected = made
    source = opened(data, steps=5)
    assert source.steps == 5
    assert np.array_equal(whole(source)["x"], expected[:5])
    assert source.identity != opened(data).identity


def test_an_other_batch_is_refused_but_its_axes_may_be_named(made):
    data, expected = made
    samples = expected.shape[1]
    with pytest.raises(InputError, match=r"batch|sample is '1'"):
        opened(data, batch=3 if samples == 1 else 1)
    assert whole(opened(data, batch=(1, samples)))["x"].shape == (STEPS, 1, samples, 2, 3)


def test_steps_that_there_are_not(made):
    data, _ = made
    source = opened(data)
    for start, stop in ((-1, 2), (3, 2), (0, STEPS + 1)):
        with pytest.raises(InputError, match="an input of 23 steps"):
            source.read(start, stop)


def test_a_file_that_is_changed_meanwhile_is_refused(made, tmp_path):
    data, _ = made
    if not isinstance(data, Path) or data.name.startswith("csv"):
        pytest.skip("loaded whole")
    path = tmp_path / data.name
    path.write_bytes(data.read_bytes())
    source = opened(path)
    source.read(0, 2)
    os.utime(path, ns=(1, 1))
    with pytest.raises(FileError, match="was changed while it was read"):
        source.read(2, 4)


def test_the_place_of_a_file_does_not_count(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / f"{folder}.npy", numbers(4, 2, 3))
    first, second = (opened(tmp_path / f / f"{f}.npy").identity for f in "ab")
    assert first == second
    assert str(tmp_path) not in json.dumps(first)


def test_several_inputs_by_name(tmp_path):
    xs = {"a": numbers(7, 2, 3), "b": numbers(7, 2, 2, 2)}
    np.savez(tmp_path / "x.npz", a=xs["a"], b=xs["b"])
    for data in (xs, tmp_path / "x.npz", str(tmp_path / "x.npz")):
        found = whole(source_for(TWO, data, "float64"))
        assert all(np.array_equal(found[name], xs[name]) for name in xs)


def test_a_source_passes_as_it_is():
    own = source_for(ONE, "poisson", "float32")
    assert source_for(ONE, own, "float32") is own
    with pytest.raises(InputError, match="expected float64"):
        source_for(ONE, own, "float64")
    with pytest.raises(InputError, match=r"expected \['a', 'b'\]"):
        source_for(TWO, own, "float32")
    with pytest.raises(InputError, match="steps=2000"):
        source_for(ONE, own, "float32", steps=2000)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("form", ["npy", "npz"])
def test_memory_of_a_long_run_is_bounded(tmp_path, form, compressed):
    steps = 50 * 2**20 // 24
    xs = np.zeros((steps, 2, 3), np.float32)
    path = tmp_path / f"x.{form}"
    if form == "npy":
        np.save(path, xs)
    else:
        (np.savez_compressed if compressed else np.savez)(path, x=xs)
    del xs
    tracemalloc.start()
    source = source_for(ONE, path, "float32")
    for start in range(0, steps, 2**16):
        source.read(start, min(start + 2**16, steps))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 * 2**20


def test_an_hdf5_file_is_read_in_slices(tmp_path):
    steps = 400_000
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.attrs["__type__"] = "NIRGraphData"
        group = file.create_group("nodes/x/observables/input")
        file["nodes/x"].attrs["__type__"] = "NIRNodeData"
        group.attrs["__type__"], group.attrs["dt"] = "TimeGriddedData", 1e-3
        data = group.create_dataset("data", (1, steps, 6), "f4", chunks=(1, 4096, 6), fillvalue=1)
        data[0, ::4096] = 2
    tracemalloc.start()
    source = source_for(ONE, tmp_path / "x.h5", "float32")
    total = sum(source.read(a, a + 4000)["x"].sum() for a in range(0, steps, 4000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total > steps * 6
    assert peak < 4 * 2**20


HASH_SEEDS = """
import sys, json, numpy as np, nirx
sys.path.insert(0, sys.argv[1])
import test_sources as t
for text in ("poisson:rate=0.3", "regular", "ramp", "pulses:every=3", "corners"):
    s = t.source_for(t.ONE, text, "float32", graph=t.graph_of(x=(2, 3)))
    print(json.dumps(s.identity, sort_keys=True), nirx.digest(t.whole(s)))
"""


def test_another_hash_seed_gives_the_same():
    folder = str(Path(__file__).parent)

    def run(seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", HASH_SEEDS, folder]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("1") == run("2")
