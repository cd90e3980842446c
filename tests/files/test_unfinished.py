"""Files that their writer did not finish are called unfinished."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import nirx
from support.damaged import good_file

WRITER = """
import os, sys
import h5py, numpy as np
path, last, version = sys.argv[1:]
file = h5py.File(path, "w", libver=version or None)
steps = [
    lambda: None,
    lambda: file.create_dataset("version", data="1", dtype=h5py.string_dtype()),
    lambda: file.create_group("node"),
    lambda: file.create_group("node/nodes/fc").create_dataset("weight", data=np.ones((99, 99))),
    lambda: file.create_group("node/nodes/out").create_dataset("shape", data=np.array([3])),
]
for step in steps[: int(last[0]) + 1]:
    step()
if "flushed" in last:
    file.flush()
if "waits" in last:
    print("ready", flush=True)
    sys.stdin.read()
os._exit(1)
"""


def start(path: Path, last: str, version: str = "") -> subprocess.Popen[str]:
    """A process that writes a graph as nir does, and dies after a step."""
    command = [sys.executable, "-c", WRITER, str(path), last, version]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("version", ["", "latest"])
@pytest.mark.parametrize("flushed", ["", "flushed"])
@pytest.mark.parametrize("last", range(5))
def test_a_file_of_a_writer_that_died_is_unfinished(last, flushed, version, tmp_path):
    path = tmp_path / "g.nir"
    start(path, f"{last}{flushed}", version).communicate()
    with pytest.raises(nirx.FileError, match=r"g\.nir: .*unfinished"):
        nirx.read(path)


@pytest.mark.slow
def test_a_file_that_is_being_written_is_unfinished(tmp_path):
    writer = start(tmp_path / "g.nir", "3waits")
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    with pytest.raises(nirx.FileError, match=r"another program has it open .*unfinished"):
        nirx.read(tmp_path / "g.nir")
    writer.communicate("")


@pytest.mark.parametrize("part", [0, 1, 7, 8, 95, 500, -1])
def test_a_file_that_was_cut_is_unfinished(part, tmp_path):
    path = good_file(tmp_path / "g.nir")
    data = path.read_bytes()
    path.write_bytes(data[:part])
    words = "it has 0 bytes" if not part else "it ends after"
    with pytest.raises(nirx.FileError, match=f"unfinished: {words}"):
        nirx.read(path)


def test_a_file_of_zeros_is_unfinished(tmp_path):
    (tmp_path / "g.nir").write_bytes(bytes(5000))
    with pytest.raises(nirx.FileError, match="unfinished: it begins with zeros"):
        nirx.read(tmp_path / "g.nir")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "holds nothing"),
        (["version"], "nothing but its version"),
        (["node"], "'node' is empty"),
        (["node/nodes/a"], r"nodes \('a'\), but not its edges and its type"),
        (["node/nodes/a", "node/edges"], r"nodes \('a'\), but not its type"),
    ],
)
def test_the_missing_part_is_named(names, words, tmp_path):
    with h5py.File(tmp_path / "g.nir", "w") as file:
        for name in names:
            if name.endswith(("version", "edges")):
                file[name] = np.zeros((0, 2))
            else:
                file.create_group(name)
    with pytest.raises(nirx.FileError, match=f"unfinished: .*{words}"):
        nirx.read(tmp_path / "g.nir")


@pytest.mark.parametrize("content", [b"no HDF5 at all, but text", b"\x93NUMPY\1\0" + bytes(99)])
def test_a_file_of_another_format_is_not_called_unfinished(content, tmp_path):
    (tmp_path / "g.nir").write_bytes(content)
    with pytest.raises(nirx.FileError, match="not a readable HDF5 file"):
        nirx.read(tmp_path / "g.nir")


def test_other_hdf5_data_is_not_called_unfinished(tmp_path):
    with h5py.File(tmp_path / "g.nir", "w") as file:
        file["spikes"] = np.zeros(3)
    with pytest.raises(nirx.FileError, match="not a NIR file: it has no group 'node'"):
        nirx.read(tmp_path / "g.nir")
