"""Small files that would cost much are refused from their structure."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import nirx
from nirx.errors import FileError, InputError
from nirx.files.limits import DATA_LIMITS, ReadLimits, limits_for
from support.damaged import good_file, replace_dataset
from support.graphs import chain, lif
from support.memory import read_in_little_memory

KIND = h5py.string_dtype()
WEIGHT = "node/nodes/n/tau"


def tiny_chunks(file: Any) -> None:
    replace_dataset(file, WEIGHT, shape=(4000, 4000), chunks=(1, 1), dtype="f4")


def large_chunk(file: Any) -> None:
    options = {"chunks": (2**14, 2**14), "maxshape": (None, None), "compression": "gzip"}
    replace_dataset(file, WEIGHT, shape=(3, 3), dtype="f4", **options)
    file[WEIGHT].id.write_direct_chunk((0, 0), b"x")


def hollow_chunk(file: Any) -> None:
    """Three numbers in a chunk of 65 MiB."""
    options = {"chunks": (65 * 2**18,), "maxshape": (None,), "compression": "gzip"}
    replace_dataset(file, WEIGHT, shape=(3,), dtype="f4", **options)
    file[WEIGHT].id.write_direct_chunk((0,), b"x")


def one_text(file: Any, length: int) -> bytes:
    """The reference to a text in a heap."""
    item = file.create_dataset("one", shape=(1,), dtype=KIND, chunks=(1,))
    item[0] = "x" * length
    return item.id.read_direct_chunk((0,))[1]


def one_text_in_many_places(file: Any) -> None:
    item = file.create_dataset("node/metadata/t", shape=(40000,), dtype=KIND, chunks=(40000,))
    item.id.write_direct_chunk((0,), one_text(file, 2**20) * 40000)


def one_text_in_many_datasets(file: Any) -> None:
    reference = one_text(file, 2**20)
    for number in range(300):
        item = file.create_dataset(f"node/metadata/t{number}", (1,), KIND, chunks=(1,))
        item.id.write_direct_chunk((0,), reference)


def short_texts(file: Any) -> None:
    texts = np.full(2**24, b"x", "S1")
    file.create_dataset("node/metadata/t", data=texts, compression="gzip")


def large_attribute(file: Any) -> None:
    file.attrs.create("nirx_names", [b"x" * 60000])
    del file["node"]


def long_paths(file: Any) -> None:
    group = file["node/metadata"]
    for _ in range(70):
        group = group.create_group("x" * 16000)


def long_name(file: Any) -> None:
    file["node/metadata"].create_group("x" * 60000)


COSTLY: list[tuple[Callable[[Any], None], str]] = [
    (tiny_chunks, "16000000 chunks; the limit is 1048576"),
    (large_chunk, "1073741824 bytes in a chunk, which is read whole; the limit is 268435456"),
    (hollow_chunk, "claims more data than a file of this size can hold"),
    (one_text_in_many_places, "claims more data than a file of this size can hold"),
    (one_text_in_many_datasets, "claims more data than a file of this size can hold"),
    (short_texts, "bytes of text; the limit is 536870912"),
    (large_attribute, "no group 'node'"),
    (long_paths, "bytes in the names on the way; the limit is 1048576"),
    (long_name, "60000 bytes in a name; the limit is 16384"),
]


def damaged(path: Path, damage: Callable[[Any], None]) -> Path:
    with h5py.File(good_file(path), "r+") as file:
        damage(file)
    return path


@pytest.mark.parametrize(("damage", "reason"), COSTLY, ids=lambda x: getattr(x, "__name__", ""))
def test_a_costly_file_is_refused(damage, reason, tmp_path):
    with pytest.raises(FileError, match=re.escape(reason)):
        nirx.read(damaged(tmp_path / "g.nir", damage))


@pytest.mark.slow
@pytest.mark.parametrize("damage", [d for d, _ in COSTLY], ids=lambda d: d.__name__)
@pytest.mark.sampled(3)
def test_a_costly_file_is_refused_in_little_memory(damage, tmp_path):
    path = damaged(tmp_path / "g.nir", damage)
    assert read_in_little_memory(path, 200 * 2**20) == "refused"


def network(path: Path, size: int = 3) -> Path:
    nirx.write(path, chain({"a": lif(size), "b": lif(size), "c": lif(size)}, size))
    return path


@pytest.mark.parametrize(
    ("name", "needed"), [("nodes", 5), ("edges", 4), ("depth", 2), ("name_bytes", 11)]
)
def test_a_limit_holds_exactly_and_says_how_to_raise_it(name, needed, tmp_path):
    path = network(tmp_path / "g.nir")
    nirx.read(path, limits=nirx.ReadLimits(**{name: needed}))
    with pytest.raises(FileError) as raised:
        nirx.read(path, limits=nirx.ReadLimits(**{name: needed - 1}))
    assert f"nirx.read(..., limits=nirx.ReadLimits({name}={needed}))" in str(raised.value)


@pytest.mark.parametrize(
    "name", ["entries", "path_bytes", "text_bytes", "chunk_bytes", "unpacked_bytes"]
)
def test_every_limit_of_a_graph_is_checked(name, tmp_path):
    with pytest.raises(FileError, match=rf"limits=nirx.ReadLimits\({name}=\d+\)"):
        nirx.read(network(tmp_path / "g.nir", 200), limits=nirx.ReadLimits(**{name: 1}))


def test_filters_are_limited(tmp_path):
    path = good_file(tmp_path / "g.nir")
    with h5py.File(path, "r+") as file:
        options = {"compression": "gzip", "shuffle": True}
        replace_dataset(file, WEIGHT, data=np.ones(3, "f4"), **options)
    nirx.read(path)
    with pytest.raises(FileError, match="2 filters; the limit is 1"):
        nirx.read(path, limits=nirx.ReadLimits(filters=1))


def test_a_file_that_unpacks_a_lot_is_read_if_asked_for(tmp_path):
    path = good_file(tmp_path / "g.nir")
    with h5py.File(path, "r+") as file:
        zeros = np.zeros((2**25, 3), np.uint8)
        file.create_dataset("node/metadata/t", data=zeros, compression="gzip", chunks=(2**22, 3))
    nirx.read(path)  # gzip reaches 1030
    with pytest.raises(FileError, match=r"ReadLimits\(expansion=\d+\)"):
        nirx.read(path, limits=nirx.ReadLimits(expansion=100))


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "1", None])
def test_a_limit_is_a_whole_number(value):
    with pytest.raises(InputError, match="expected a whole number from 1"):
        ReadLimits(nodes=value)


def test_limits_for_a_memory_grow_with_it():
    small, large = limits_for(2**20), limits_for(2**34)
    assert small.nodes < large.nodes
    assert small.unpacked_bytes == 2**20
    assert limits_for(0).nodes == 1


def test_the_limits_of_data_do_not_promise_to_be_raised():
    with pytest.raises(FileError, match="for data it is fixed"):
        DATA_LIMITS.require("steps", 2**31, "x")


def test_the_documented_defaults_are_those_of_the_code():
    page = (Path(__file__).parents[2] / "docs" / "files.md").read_text()
    units = {"": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) ?([KMG]iB)? \|", page, re.MULTILINE)
    stated = {name: int(number.replace(",", "")) * units[unit] for name, number, unit in rows}
    assert stated == vars(ReadLimits())
