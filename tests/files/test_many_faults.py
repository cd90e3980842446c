"""Files with many faults, long names and deep nesting: one short error, in linear time."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

import nirx
from support.growth import assert_linear


def graph_group(group: h5py.Group) -> h5py.Group:
    """Make a group an empty graph. Returns: the group of its nodes."""
    group["type"] = "NIRGraph"
    group["edges"] = []
    return group.create_group("nodes")


def write_file(path: Path, names: list[str], faulty: int) -> Path:
    """A chain of nested graphs with these names, and faulty nodes in the innermost one."""
    with h5py.File(path, "w") as file:
        group = file.create_group("node")
        for name in names:
            group = graph_group(group).create_group(name)
        nodes = graph_group(group)
        for k in range(faulty):
            node = nodes.create_group(f"n{k}")
            node["type"] = "LIF" if k % 2 else "LIFE"
            node["own"] = k
    return path


def refused(path: Path) -> nirx.GraphError:
    with pytest.raises(nirx.GraphError) as caught:
        nirx.read(path)
    assert len(str(caught.value)) < 20_000
    return caught.value


def test_many_faulty_nodes_make_one_short_error_in_linear_time(tmp_path):
    found = refused(write_file(tmp_path / "many", [], 500))
    assert len(found.faults) == 502  # and no Input, no Output
    assert "unknown node type 'LIFE'" in str(found)

    def work(size: int):
        path = write_file(tmp_path / str(size), [], size)
        return lambda: refused(path)

    assert_linear(work)


def test_faults_below_long_names_take_little_room(tmp_path):
    names = ["n" * 16_000] * 20
    found = refused(write_file(tmp_path / "long", names, 20))
    assert max(len(fault.where) for fault in found.faults) < 1000
