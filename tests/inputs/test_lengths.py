"""A single wrong time does not start a run without end."""

from __future__ import annotations

from pathlib import Path

import h5py
import nir
import numpy as np
import pytest

from nirx.errors import InputError
from nirx.inputs import source_for
from support.inputs import input_schedule

SCHEDULE = input_schedule(3, name="input", dt=1e-3)
LATE = 10**9


def list_of_steps(folder: Path) -> str:
    (folder / "x.csv").write_text(f"step,index,sample\n0,0,0\n4,1,1\n{LATE},2,1\n7,0,1\n")
    return str(folder / "x.csv")


def list_of_times(folder: Path) -> str:
    (folder / "x.csv").write_text(f"t,index\n0,0\n{LATE}000,2\n")
    return str(folder / "x.csv")


def early_start(folder: Path) -> str:
    (folder / "x.csv").write_text("step,index\n5,1\n0,0\n")
    (folder / "y.csv").write_text("t,index\n0,0\n5,1\n")
    return f"csv:{folder / 'y.csv'},start=-{LATE}000"


def records(folder: Path) -> str:
    rows = [(0, 0), (LATE * 1000, 1)]
    np.save(folder / "x.npy", np.array(rows, dtype=[("t", "i8"), ("x", "i4")]))
    return str(folder / "x.npy")


def camera(folder: Path) -> str:
    with h5py.File(folder / "x.h5", "w") as file:
        file["rec0/t"], file["rec0/x"] = [0], [0]
        file["rec1/t"], file["rec1/x"] = [0, 5, LATE * 1000], [0, 1, 2]
    return str(folder / "x.h5")


def nirdata(folder: Path) -> str:
    data = nir.EventData(np.array([[0]]), np.array([[5e-4]]), 3, LATE * 1e-3)
    node = nir.NIRNodeData({"input": data})
    nir.serialization.write_data(folder / "x.h5", nir.NIRGraphData({"input": node}))
    return str(folder / "x.h5")


KINDS = {
    list_of_steps: "x.csv, line 4",
    list_of_times: "x.csv, line 3",
    early_start: "y.csv, line 2",
    records: "x.npy: sample 0, event 1",
    camera: "x.h5: sample 1, event 2",
    nirdata: "x.h5: its stated end",
    lambda folder: f"pulses:every={LATE}": "pulses: every=1000000000",
}


@pytest.mark.filterwarnings("ignore::nirx.NirxWarning")
@pytest.mark.parametrize(("write", "named"), KINDS.items())
def test_an_endless_run_is_refused_and_its_cause_named(tmp_path, write, named):
    data = write(tmp_path)
    with pytest.raises(InputError, match=rf"{named} makes a run of \d+ steps; expected at most"):
        source_for(SCHEDULE, data, "float32")


@pytest.mark.filterwarnings("ignore::nirx.NirxWarning")
@pytest.mark.parametrize("write", KINDS)
def test_a_stated_length_is_taken(tmp_path, write):
    assert source_for(SCHEDULE, write(tmp_path), "float32", steps=20).steps == 20
    assert source_for(SCHEDULE, write(tmp_path), "float32", steps=2 * LATE).steps == 2 * LATE


def test_no_run_has_more_steps_than_any_machine_could_take():
    with pytest.raises(InputError, match="no run would end"):
        source_for(SCHEDULE, "regular", "float32", steps=2**40 + 1)
