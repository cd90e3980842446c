"""Recordings in HDF5 whose groups are linked to more than once are refused, and at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import nirx
from nirx.recordings.load_recording import load_recording
from nirx.recordings.run_layout import RunLayout
from nirx.recordings.stream_file import stream_file
from nirx.references.layout import observables
from support.inputs import THREE


def read_both_ways(path: Path) -> list[str]:
    """The refusals of `nirx verify` and of `nirx diagnose`."""
    layout = RunLayout(THREE, observables(THREE, "all"), 2, (), np.dtype("f4"), 1e-3)
    with pytest.raises(nirx.FileError) as streamed:
        stream_file(layout, path)
    with pytest.raises(nirx.FileError) as loaded:
        load_recording(path, THREE, (2,), [1e-3])
    return [str(streamed.value), str(loaded.value)]


@pytest.mark.parametrize("nirdata", [False, True])
@pytest.mark.parametrize("depth", [1, 40])
def test_groups_are_not_walked_through_in_every_way(depth, nirdata, tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        group: Any = file
        if nirdata:
            file.attrs["__type__"] = "NIRGraphData"
        for _ in range(depth):  # there are 2^depth ways to the last of these groups
            if nirdata:
                group = group.create_group("nodes")
            below = group.create_group("a")
            group["b"], group = below, below
    assert all("linked more than once" in text for text in read_both_ways(path))


@pytest.mark.parametrize("nirdata", [False, True])
def test_a_group_that_holds_itself(nirdata, tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        if nirdata:
            file.attrs["__type__"] = "NIRGraphData"
        group = file.create_group("nodes/a/nodes")
        group["a"] = file["nodes/a"]
    assert all("linked more than once" in text for text in read_both_ways(path))
