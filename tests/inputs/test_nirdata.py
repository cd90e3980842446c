"""NIRData as an input: nir's own files, references of nirx, and impossible events."""

from __future__ import annotations

from typing import Any

import h5py
import nir
import numpy as np
import pytest

from nirx.errors import FileError, InputError, NirxWarning
from support.inputs import gridded, input_schedule, nirdata, read


@pytest.mark.parametrize("dt", [1e-4, 1e-3, 0.1, 0.5])
def test_no_event_that_nir_writes_at_k_dt_is_lost(tmp_path, dt):
    spikes = np.random.default_rng(0).random((2, 200, 3)) < 0.3
    events = nir.TimeGriddedData(spikes, dt).to_event(int(spikes.sum()))
    path = nirdata(tmp_path / "x.h5", {"spikes": events})
    late = events.time[np.isfinite(events.time)]
    if (np.floor(late / dt) == np.rint(late / dt)).all():
        found = read(path, input_schedule(3, dt=dt))
    else:  # nir's own to_time_gridded puts those one step too early
        with pytest.warns(NirxWarning, match="plain floor"):
            found = read(path, input_schedule(3, dt=dt))
    assert np.array_equal(found, spikes.swapaxes(0, 1))


def test_an_observable_is_chosen_by_name(tmp_path):
    path = nirdata(tmp_path / "x.h5", {"input": gridded(), "other": gridded(neurons=7)})
    assert read(path).shape == (4, 2, 3)
    assert read(f"nirdata:{path},observable=input").shape == (4, 2, 3)
    with pytest.raises(InputError, match=r"has 7 neurons, but Input 'in' has 3"):
        read(f"nirdata:{path},observable=other")
    with pytest.raises(InputError, match="no observable 'otter'; did you mean 'other'"):
        read(f"nirdata:{path},observable=otter")
    two = nirdata(tmp_path / "y.h5", {"a": gridded(), "b": gridded()})
    with pytest.raises(InputError, match="no observable 'input'"):
        read(two)


def test_another_node_or_dt_is_refused(tmp_path):
    path = nirdata(tmp_path / "x.h5", {"input": gridded()}, name="inn")
    with pytest.raises(InputError, match="no node 'in', the Input; did you mean 'inn'"):
        read(path)
    path = nirdata(tmp_path / "y.h5", {"input": gridded(dt=1e-4)})
    with pytest.raises(InputError, match=r"dt=0.0001, but the run has dt=0.001"):
        read(path)


@pytest.mark.parametrize(
    ("idx", "time", "message"),
    [
        ([[0, 3]], [[0, 1e-3]], "event of neuron 3; expected 0..2"),
        ([[0, -2]], [[0, 1e-3]], "event of neuron -2"),
        ([[0, 1.7]], [[0, 1e-3]], r"event of neuron 1\.7; expected whole numbers"),
        ([[0, np.nan]], [[0, 1e-3]], "event of neuron nan"),
        ([[0, 1]], [[0, -1e-3]], "before the start"),
        ([[0, 1]], [[0, np.nan]], "before the start|is the unit right"),
        ([[0, 1]], [[0, np.inf]], "is in step inf"),
        ([[0, 1]], [[0, 0.5]], "event in step 500, but t_max ends after 10 steps"),
    ],
)
def test_impossible_events_are_refused(tmp_path, idx, time, message):
    events = nir.EventData(np.array(idx), np.array(time), 3, 0.01)
    with pytest.raises(InputError, match=message):
        read(nirdata(tmp_path / "x.h5", {"input": events}))


def test_a_reference_of_nirx_is_an_input(tmp_path):
    from nirx.files.names import encode_name

    name = "a/b"
    nirdata(tmp_path / "x.h5", {"input": gridded()}, name=encode_name(name))
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file.attrs["nirx_names"] = "percent-encoded"
    assert read(tmp_path / "x.h5", input_schedule(3, name=name)).shape == (4, 2, 3)


@pytest.mark.parametrize("value", ["many", np.nan, [1.0, 2.0], np.inf])
def test_attributes_that_are_not_numbers_are_refused(tmp_path, value):
    path = nirdata(tmp_path / "x.h5", {"input": gridded()})
    with h5py.File(path, "a") as file:
        file["nodes/in/observables/input"].attrs["dt"] = value
    with pytest.raises(FileError, match="no finite number 'dt'"):
        read(path)


def test_no_samples_or_far_too_many_are_refused(tmp_path):
    empty = nir.TimeGriddedData(np.ones((0, 4, 3)), 1e-3)
    with pytest.raises(InputError, match="has no samples"):
        read(nirdata(tmp_path / "x.h5", {"input": empty}))
    none = nir.EventData(np.zeros((2, 0), int), np.zeros((2, 0)), 3, 0.01)
    path = nirdata(tmp_path / "y.h5", {"input": none})
    assert read(path).shape == (10, 2, 3)
    with h5py.File(path, "a") as file:
        group: Any = file["nodes/in/observables/input"]
        for name, kind in (("idx", "i8"), ("time", "f8")):
            del group[name]
            group.create_dataset(name, (2**40, 0), kind)
    with pytest.raises(FileError, match="claims 1099511627776 samples"):
        read(path)
