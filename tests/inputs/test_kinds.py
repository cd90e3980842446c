"""Every kind of input returns the same dense array, whatever the limits of the reads."""

from __future__ import annotations

import json
import os
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nirx.errors import FileError, InputError, NirxWarning
from nirx.inputs import Source, source_for
from support.inputs import input_schedule

ONE = input_schedule(2, 3, name="x")
STEPS, SAMPLES = 23, 2
VALUES = np.random.default_rng(0).random((STEPS, SAMPLES, 2, 3)).astype(np.float32)
SPIKES = (VALUES > 0.5).astype(np.float32)
COUNTS = np.random.default_rng(3).integers(0, 3, (STEPS, SAMPLES, 2, 3)).astype(np.float32)
COUNTS[-1] = 1


def rows_of(dense: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Neurons, times in the middle of their steps, and values, `[samples, events]`."""
    flat = dense.reshape(STEPS, SAMPLES, 6).swapaxes(0, 1)
    shape = SAMPLES, int(np.count_nonzero(flat, axis=(1, 2)).max())
    idx, time, value = np.full(shape, -1), np.full(shape, np.inf), np.zeros(shape)
    for s, own in enumerate(flat):
        step, neuron = np.nonzero(own)
        n = len(step)
        idx[s, :n], time[s, :n], value[s, :n] = neuron, (step + 0.5) * 1e-3, own[step, neuron]
    return idx, time, value


def write_nirdata(path: Path, dense: np.ndarray, kind: Any) -> None:
    idx, time, value = rows_of(dense)
    if kind is nir.TimeGriddedData:
        data = kind(dense.reshape(STEPS, SAMPLES, 6).swapaxes(0, 1), 1e-3)
    else:
        data = kind(idx, time, 6, STEPS * 1e-3, *[value] * (kind is nir.ValuedEventData))
    nir.serialization.write_data(path, nir.NIRGraphData({"x": nir.NIRNodeData({"input": data})}))


def write_events(path: Path, record: bool) -> None:
    """COUNTS as one group per sample: t in microseconds, x and y, shuffled."""
    with h5py.File(path, "w") as file:
        for sample in range(SAMPLES):
            own = COUNTS[:, sample].astype(int)
            step, y, x = (np.repeat(i, own[own > 0]) for i in np.nonzero(own))
            order = np.random.default_rng(sample).permutation(len(step))
            columns = {"t": 1000 * step[order] + 500, "x": x[order], "y": y[order]}
            if record:
                dtype = np.dtype([("t", "i8"), ("x", "u2"), ("y", "u2")])
                rows = np.array(list(zip(*columns.values(), strict=True)), dtype)
                columns = {"events": rows}
            for name, column in columns.items():
                file[f"rec{sample}/{name}"] = column


def write_table(path: Path) -> None:
    rows = VALUES[:, 0].reshape(STEPS, 6)
    np.savetxt(path, rows, "%.9g", ",", header="a,b,c,d,e,f", comments="")


def write_list(path: Path) -> None:
    rows = [f"{t},{s},{i};{j},{value:.9g}" for (t, s, i, j), value in np.ndenumerate(VALUES)]
    path.write_text("\n".join(["step,sample,index,value", *rows[::-1]]))


def write_folder(path: Path) -> None:
    path.mkdir()
    for sample in range(SAMPLES):
        np.savez(path / f"{sample}.npz", x=VALUES[:, sample])


FORTRAN = np.asfortranarray(VALUES)
KINDS: dict[str, tuple[str, Callable[[Path], object], np.ndarray]] = {
    "npy": (".npy", lambda path: np.save(path, VALUES), VALUES),
    "npy-fortran": (".npy", lambda path: np.save(path, FORTRAN), VALUES),
    "npz": (".npz", lambda path: np.savez(path, x=VALUES, other=np.zeros(3)), VALUES),
    "npz-fortran": (".npz", lambda path: np.savez(path, x=FORTRAN), VALUES),
    "npz-compressed": (".npz", lambda path: np.savez_compressed(path, x=VALUES), VALUES),
    "npz-compressed-fortran": (".npz", lambda path: np.savez_compressed(path, x=FORTRAN), VALUES),
    "csv": (".csv", write_table, VALUES[:, :1]),
    "csv-list": (".csv", write_list, VALUES),
    "nirdata": (".h5", lambda path: write_nirdata(path, VALUES, nir.TimeGriddedData), VALUES),
    "nirdata-events": (".h5", lambda path: write_nirdata(path, SPIKES, nir.EventData), SPIKES),
    "nirdata-valued": (
        ".h5",
        lambda path: write_nirdata(path, VALUES, nir.ValuedEventData),
        VALUES,
    ),
    "folder": ("", write_folder, VALUES),
    "events": (".h5", lambda path: write_events(path, False), COUNTS),
    "events-record": (".h5", lambda path: write_events(path, True), COUNTS),
}
"""Name -> suffix of the file, what writes it, and the array that it stands for."""


@pytest.fixture(scope="module", params=["array", *KINDS])
def made(request: Any, tmp_path_factory: Any) -> tuple[Any, np.ndarray]:
    """Data of a kind, and the array that it stands for."""
    if request.param == "array":
        return VALUES, VALUES
    suffix, write, dense = KINDS[request.param]
    path = tmp_path_factory.mktemp("kinds") / f"{request.param}{suffix}"
    write(path)
    return path, dense


def opened(data: Any, **options: Any) -> Source:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NirxWarning)
        return source_for(ONE, data, "float32", **options)


def whole(source: Source) -> np.ndarray:
    return source.read(0, source.steps)["x"]


def test_a_source_returns_the_dense_array(made):
    data, expected = made
    source = opened(data)
    assert isinstance(source, Source)
    assert (source.steps, source.batch) == (STEPS, expected.shape[1:2])
    assert whole(source).dtype == np.float32
    assert np.array_equal(whole(source), expected)
    assert json.loads(json.dumps(source.identity)) == source.identity


@pytest.mark.slow
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(spans=st.lists(st.tuples(st.integers(0, STEPS), st.integers(0, STEPS)), max_size=6))
def test_steps_are_the_same_in_any_read_and_any_order(made, spans):
    data, expected = made
    source = opened(data)
    for start, stop in map(sorted, spans):
        assert np.array_equal(source.read(start, stop)["x"], expected[start:stop])


def test_two_sources_of_one_file_are_equal_and_share_nothing(made):
    data, expected = made
    first, second = opened(data), opened(data)
    assert first.identity == second.identity
    whole(first)[...] = -1
    assert np.array_equal(whole(first), expected)
    assert np.array_equal(whole(second), expected)


def test_a_shorter_run_is_the_beginning(made):
    data, expected = made
    source = opened(data, steps=5)
    assert source.steps == 5
    assert np.array_equal(whole(source), expected[:5])
    assert source.identity != opened(data).identity


def test_the_axes_of_the_batch_can_be_named_but_not_its_size(made):
    data, expected = made
    samples = expected.shape[1]
    with pytest.raises(InputError, match=r"batch|sample is '1'"):
        opened(data, batch=3 if samples == 1 else 1)
    assert whole(opened(data, batch=(1, samples))).shape == (STEPS, 1, samples, 2, 3)


@pytest.mark.parametrize("span", [(-1, 2), (3, 2), (0, STEPS + 1)])
def test_steps_that_do_not_exist_are_refused(made, span):
    with pytest.raises(InputError, match="an input of 23 steps"):
        opened(made[0]).read(*span)


def test_a_file_that_changes_during_the_run_is_refused(made, tmp_path):
    data, _ = made
    if not isinstance(data, Path) or data.suffix == ".csv" or data.is_dir():
        pytest.skip("in memory, or compared by its hash")
    path = tmp_path / data.name
    path.write_bytes(data.read_bytes())
    source = opened(path)
    source.read(0, 2)
    os.utime(path, ns=(1, 1))
    with pytest.raises(FileError, match="was changed while it was read"):
        source.read(2, 4)


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
