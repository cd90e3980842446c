"""Good files of inputs, recordings, references and states, to be changed."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import nirx
from nirx.cli.state_file import save_state
from nirx.files.archive import save_arrays
from nirx.graphs.schedule import Schedule
from nirx.recordings.run_layout import RunLayout
from nirx.references.layout import observables
from support.inputs import CAMERA, THREE, camera
from support.recordings import events, gridded, write_csv, write_datasets, write_nirdata
from support.references import STEP, clip, nested, recorded, write_reference

__all__ = [
    "LAYOUT",
    "LEAD",
    "NESTED",
    "good_addresses",
    "good_inputs",
    "good_recordings",
    "good_reference",
    "good_state",
]

LEAD = (6, 2)
"""Time and batch of the recordings."""
NESTED: Schedule = nirx.schedule(nested(), STEP)
ADDRESSED, PLACED = "t,addr,sample\n0,5,0\n10,7,1\n", "t,x,y,sample\n0,0,1,0\n"
"""Events with addresses."""
KEYS = ("fc", "sub/lif", "sub/lif.v", "li", "output")
FEW = ("sub/lif", "sub/lif.v")
"""In a reference, besides the input: spikes and numbers of a node within a graph. Reading the
structure of a recording takes longer than reading its numbers."""


LAYOUT = RunLayout(NESTED, observables(NESTED, "all"), LEAD[0], LEAD[1:], np.dtype("f4"), STEP.dt)
"""What a recording is compared with."""


def _made(write: Callable[[Path], Any], name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        return path.read_bytes()


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _npz(save: Callable[..., None], **arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


EVENT_COLUMNS = (("t", [0, 1500, 2500]), ("neuron", [0, 3, 1]), ("sample", [0, 1, 1]))


def _groups_of_events(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for name in ("sub/lif", "output"):
            for column, values in EVENT_COLUMNS:
                file[f"{name}/{column}"] = np.array(values)


def _nirdata(path: Path) -> None:
    found: Any = recorded(list(KEYS), clip(*LEAD))
    spikes = {"spikes": events(found["li"] > 0)}
    driving = {"input": gridded(clip(*LEAD))}
    write_nirdata(path, li={"v": gridded(found["li"])}, output=spikes, input=driving)


@cache
def good_reference() -> bytes:
    """A reference of `LEAD` steps and samples."""
    return _made(lambda path: write_reference(path, clip(*LEAD), record=FEW), "r.h5")


@cache
def good_inputs(suffix: str) -> tuple[tuple[bytes, Schedule], ...]:
    """The content of small input files with a suffix, each with a schedule that it fits."""
    dense = clip(*LEAD)
    few = np.array(
        [(0, 1, 1, 1), (2500, 4, 3, 0)], [*zip("txyp", ("i8", "i2", "i2", "?"), strict=True)]
    )
    return {
        "npy": lambda: (
            (_npy(dense), THREE),
            (_npy(np.asfortranarray(dense)), THREE),
            (_npy(dense > 0), NESTED),
            (_npy(few), CAMERA),
        ),
        "npz": lambda: (
            (_npz(np.savez, input=dense), NESTED),
            (_npz(np.savez_compressed, input=dense), NESTED),
            (_npz(np.savez_compressed, input=np.asfortranarray(dense)), NESTED),
        ),
        "csv": lambda: (
            (b"1,2,3\n4,5,6\n0.5,0,-1\n", THREE),
            (b"step,index,value,sample\n0,1,0.5,0\n3,2,,1\n", THREE),
            (b"t_us,x,y,p\n0,1,1,1\n2500,4,3,0\n", CAMERA),
        ),
        "h5": lambda: (
            (_made(camera, "x.h5"), CAMERA),
            (_made(_nirdata, "x.h5"), NESTED),
            (good_reference(), NESTED),
        ),
    }[suffix]()


@cache
def good_recordings(suffix: str) -> tuple[bytes, ...]:
    """The content of small recordings of `nested` with a suffix."""
    found: Any = recorded(list(KEYS), clip(*LEAD))
    return {
        "npz": lambda: (_made(lambda path: save_arrays(path, found), "x.npz"),),
        "csv": lambda: (
            b"t,node,neuron,sample\n0,sub/lif,1,0\n1500,sub/lif,3,1\n",
            _made(
                lambda path: write_csv(path, {key: found[key] for key in ("sub/lif", "sub/lif.v")}),
                "x.csv",
            ),
        ),
        "h5": lambda: (
            _made(lambda path: write_datasets(path, found), "x.h5"),
            _made(_groups_of_events, "x.h5"),
            _made(_nirdata, "x.h5"),
            _made(
                lambda path: write_reference(path, clip(*LEAD), spikes="events", record=FEW), "r.h5"
            ),
        ),
    }[suffix]()


@cache
def good_state() -> bytes:
    """What `--state-out` writes."""
    net: Any = nirx.from_nir(nested(), "numpy", STEP)
    return _made(lambda path: save_state(path, net.init_state(2)), "x.npz")


@cache
def good_addresses() -> tuple[tuple[str, bytes, str], ...]:
    """Address maps: suffix, content, and the columns of events that they go with."""
    return (
        ("csv", b"address,neuron,node\n5,0,sub/lif\n7,1,sub/lif\n", ADDRESSED),
        ("csv", b"x,y,neuron\n0,1,2\n3,4,0\n", PLACED),
        ("json", b'{"5": 0, "7": [1]}', ADDRESSED),
        ("json", b'{"sub/lif": {"5": 2, "7": 0}}', ADDRESSED),
        ("npz", _npz(np.savez, address=np.arange(9), neuron=np.arange(9) % 3), ADDRESSED),
    )
