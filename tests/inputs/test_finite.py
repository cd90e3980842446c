"""NaN and infinity are refused in every kind of input, with their place, before a run starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

import nirx
from nirx.cli import main
from nirx.errors import InputError
from nirx.inputs import source_for
from support.graphs import lif, line, make_graph
from support.inputs import input_schedule

D = nirx.Discretization(dt=1.0)
SCHEDULE = input_schedule(3, name="input")


def bad(value: float, steps: int = 9) -> np.ndarray:
    xs = np.ones((steps, 2, 3))
    xs[5, 1, 2] = value
    return xs


def nirdata(path: Path, xs: np.ndarray) -> None:
    data = nir.TimeGriddedData(np.zeros((2, len(xs), 3)), dt=1e-3)
    node = nir.NIRNodeData({"input": data})
    nir.serialization.write_data(path, nir.NIRGraphData({"input": node}))
    with h5py.File(path, "r+") as file:
        found: list[Any] = []
        file.visititems(lambda _, item: found.append(item) if hasattr(item, "shape") else None)
        (grid,) = (item for item in found if item.shape == (2, len(xs), 3))
        grid[...] = xs.swapaxes(0, 1)


WRITERS = {
    "array.none": lambda path, xs: None,
    "x.npy": np.save,
    "x.npz": lambda path, xs: np.savez(path, input=xs),
    "packed.npz": lambda path, xs: np.savez_compressed(path, input=xs),
    "x.h5": nirdata,
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(
    ("value", "dtype", "said"),
    [
        (np.nan, "float32", "nan; expected finite"),
        (-np.inf, "float64", "-inf; expected finite"),
        (1e300, "float32", "1e[+]300 is beyond float32; .* float64"),
    ],
)
def test_a_number_that_is_not_finite_is_refused(tmp_path, name, value, dtype, said):
    path = tmp_path / name
    WRITERS[name](path, bad(value))
    data = path if path.exists() else bad(value)
    place = "Input 'input', step 5, sample 1, index 2: "
    with pytest.raises(InputError, match=place + said):
        source_for(SCHEDULE, data, dtype)


def test_what_is_large_in_float32_is_fine_in_float64(tmp_path):
    assert source_for(SCHEDULE, bad(1e300), "float64").read(5, 6)["input"].max() == 1e300


def test_long_data_is_looked_through_to_its_end():
    xs = np.ones((700_000, 1, 3), np.float32)
    xs[-1, 0, 0] = np.nan
    with pytest.raises(InputError, match="step 699999, sample 0, index 0"):
        source_for(SCHEDULE, xs, "float32")


def test_a_table_in_a_csv_file_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("1,2,3\n1,1e39,3\n")
    with pytest.raises(
        InputError, match=r"x.csv: Input 'input', step 1, sample 0, index 1: 1e\+39"
    ):
        source_for(SCHEDULE, tmp_path / "x.csv", "float32")


@pytest.mark.parametrize("value", [np.nan, 1e300])
def test_the_value_of_an_event_is_refused(tmp_path, value):
    idx, time = np.array([[0, 1]]), np.array([[1.5e-3, 3.5e-3]])
    data = nir.ValuedEventData(idx, time, 3, 1e-2, np.array([[1.0, value]]))
    node = nir.NIRNodeData({"input": data})
    nir.serialization.write_data(tmp_path / "x.h5", nir.NIRGraphData({"input": node}))
    with pytest.raises(InputError, match="sample 0, step 3, index 1: "):
        source_for(SCHEDULE, tmp_path / "x.h5", "float32")


def test_a_generator_beyond_the_dtype_is_refused():
    with pytest.raises(InputError, match="beyond float32"):
        source_for(SCHEDULE, "regular:height=1e300", "float32").read(0, 10)


class Own:
    steps, batch, identity = 10, (1,), {"kind": "own"}

    def read(self, start: int, stop: int) -> dict[str, np.ndarray]:
        own = np.ones((stop - start, 1, 3), np.float32)
        own[np.arange(start, stop) == 7] = np.nan
        return {"input": own}


def test_a_callers_own_source_is_checked_in_every_read():
    source = source_for(SCHEDULE, Own(), "float32")
    source.read(0, 7)
    with pytest.raises(InputError, match="step 7, sample 0, index 0: nan"):
        source.read(6, 9)


def graph() -> nir.NIRGraph:
    return make_graph(line("input", "lif", "output"), 3, lif=lif(3))


@pytest.mark.parametrize("data", [bad(np.nan), Own()], ids=["array", "own"])
def test_no_reference_is_written(tmp_path, data):
    with pytest.raises(InputError, match="nan"):
        nirx.reference(graph(), data, tmp_path / "ref.h5", discretization=D)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [["reference", "--out", "y.h5"], ["run", "--out", "y.npz"]])
def test_the_commands_refuse_it(tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    nirx.write("g.nir", graph(), D)
    np.save("x.npy", bad(np.nan))
    name, *rest = command
    assert main([name, "g.nir", "--input", "x.npy", *rest]) == 2
    assert "x.npy: Input 'input', step 5, sample 1, index 2: nan" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["g.nir", "x.npy"]
