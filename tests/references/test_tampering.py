"""A reference whose numbers, header, structure or events were changed is refused."""

from __future__ import annotations

import json
from typing import Any

import h5py
import numpy as np
import pytest

import nirx
from nirx.files.writing import file_bytes
from nirx.references import event_rows
from nirx.references.embedded_graph import read_embedded
from nirx.references.event_rows import require_event_rows
from nirx.references.header import sealed
from nirx.references.layout import GRAPH, HEADER, Run
from nirx.references.reading import ReferenceFile
from support.references import STEP, copy_with, nested

SPIKES = "nodes/sub/nodes/lif/observables/spikes"
VALUES = "nodes/sub/nodes/lif/observables/v"
ZEROS = np.zeros((2, 50, 4))


def refusal(path: Any) -> str:
    """Why a file is refused."""
    with pytest.raises(nirx.FileError) as raised, ReferenceFile(path) as file:
        file.verify_content()
    return str(raised.value)


def stored_again(where: str, convert: Any) -> Any:
    def change(file: Any) -> None:
        data = convert(file[where][()])
        del file[where]
        file[where] = data

    return change


# -- numbers and header --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "key"),
    [
        (f"{SPIKES}/data", "sub/lif"),
        (f"{VALUES}/data", "sub/lif.v"),
        ("nodes/input/observables/input/data", "input"),
    ],
)
def test_a_changed_number_is_located_in_its_chunk(made, tmp_path, where, key):
    def flip(data: Any) -> Any:
        data[1, 30, 2] = not data[1, 30, 2] if data.dtype == bool else data[1, 30, 2] + 1
        return data

    path = copy_with(stored_again(where, flip), made[0], tmp_path / "r.h5")
    assert f"{key!r} does not match its digest in steps 0 to 49" in refusal(path)


def rewritten_header(change: Any, write: Any) -> Any:
    def convert(data: Any) -> Any:
        header = json.loads(bytes(data))
        change(header)
        return np.frombuffer(write(header).encode(), np.uint8)

    return stored_again(HEADER, convert)


def test_a_claim_of_one_chunk_without_end_is_refused(listed, tmp_path):
    """Its events take no space, but all steps of a chunk are read at once."""

    def claim(header: Any) -> None:
        header.update(steps=3 * 10**8, chunk_steps=3 * 10**8)
        for entry in header["recordings"]:
            entry["chunks"] = entry["chunks"][:1]

    change = rewritten_header(claim, sealed)
    path = copy_with(change, listed, tmp_path / "r.h5")
    with pytest.raises(nirx.FileError, match="chunks of 300000000 steps; expected at most 1024"):
        ReferenceFile(path)


def test_a_changed_header_does_not_match_its_seal(made, tmp_path):
    change = rewritten_header(lambda h: h.update(notes="for another chip"), json.dumps)
    path = copy_with(change, made[0], tmp_path / "r.h5")
    with pytest.raises(nirx.FileError, match="does not match its seal"):
        ReferenceFile(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h.update(steps="50"),
        lambda h: h.update(chunk_steps=0),
        lambda h: h.update(chunk_steps=True),
        lambda h: h.update(dtype="object"),
        lambda h: h.update(batch=[-1]),
        lambda h: h.update(discretization="{}"),
        lambda h: h.update(format=True),
        lambda h: h.pop("recordings"),
        lambda h: h["recordings"][0].pop("key"),
        lambda h: h["recordings"][0]["chunks"].append("0"),
        lambda h: h["recordings"][1].update(digest="0" * 64),
        lambda h: h["recordings"][1].update(observable="nothing"),
        lambda h: h["recordings"][1].update(path=["nowhere"]),
        lambda h: h["recordings"][1].update(path=[]),
        lambda h: h["recordings"][1].update(path=[""]),
        lambda h: h["recordings"][1].update(features=[7]),
        lambda h: h["recordings"][1].update(features=[2**62, 2**62]),
        lambda h: h["recordings"].append(h["recordings"][1]),
    ],
)
def test_a_forged_header_is_refused_even_with_a_correct_seal(made, tmp_path, change):
    assert refusal(copy_with(rewritten_header(change, sealed), made[0], tmp_path / "r.h5"))


# -- other files ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "text"),
    [(None, "no such file"), (b"not hdf5", "not an HDF5 file"), (b"", "not an HDF5 file")],
)
def test_files_that_are_not_hdf5_are_refused(tmp_path, content, text):
    if content is not None:
        (tmp_path / "r.h5").write_bytes(content)
    assert text in refusal(tmp_path / "r.h5")


def test_other_hdf5_files_are_refused(tmp_path):
    nirx.write(tmp_path / "g.nir", nested(), STEP)
    assert "this is not a file of `nirx reference`" in refusal(tmp_path / "g.nir")


def test_a_truncated_file_is_refused(made, tmp_path):
    (tmp_path / "r.h5").write_bytes(made[0].read_bytes()[:-3000])
    assert refusal(tmp_path / "r.h5")


@pytest.mark.slow
def test_flipped_bits_raise_nothing_but_file_errors(made, tmp_path):
    generator, refused = np.random.default_rng(0), 0
    for _ in range(30):
        data = bytearray(made[0].read_bytes())
        for place in generator.integers(0, len(data), 4):
            data[place] ^= 1 << int(generator.integers(8))
        (tmp_path / "r.h5").write_bytes(data)
        try:
            with ReferenceFile(tmp_path / "r.h5") as file:
                file.verify_content()
        except nirx.FileError:
            refused += 1
    assert refused > 20


# -- structure: what other readers rely on, and no digest of numbers covers ----------------


def attribute(where: str, name: str, value: Any) -> Any:
    def change(file: Any) -> None:
        if value is None:
            del file[where].attrs[name]
        else:
            file[where].attrs[name] = value

    return change


def added(where: str, **data: Any) -> Any:
    return lambda file: [file.require_group(where).update({k: v}) for k, v in data.items()]


def other_step(data: Any) -> Any:
    graph = read_embedded(bytes(data), "own")
    other = file_bytes(graph, nirx.Discretization(dt=2e-3, reset="subtract"))
    return np.frombuffer(other, np.uint8)


def linked(where: str, link: Any) -> Any:
    def change(file: Any) -> None:
        del file[where]
        file[where] = link

    return change


ABSENT = "expected absent"
TYPE = "__type__"


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("graph does not match its digest", stored_again(GRAPH, other_step)),
        ("/: attribute '__type__' is 'Foo'", attribute("/", TYPE, "Foo")),
        ("'NIRNodeData'; expected 'NIRGraphData'", attribute("nodes/sub", TYPE, "NIRNodeData")),
        ("'__type__' is absent", attribute("nodes/fc", TYPE, None)),
        ("'__type__' is 'X'; ", attribute(SPIKES, TYPE, "X")),
        ("'__type__' is b'T", attribute(SPIKES, TYPE, np.bytes_(b"TimeGriddedData"))),
        ("'dt' is 0.005; expected 0.001", attribute(SPIKES, "dt", 5e-3)),
        ("'dt' is 0.00100", attribute(SPIKES, "dt", np.float32(1e-3))),
        ("'dt' is '0.001'; expected 0.001", attribute(SPIKES, "dt", "0.001")),
        ("'dt' is [0.001]; expected 0.001", attribute(SPIKES, "dt", [1e-3])),
        ("'shape' is [20]; expected [4]", attribute(SPIKES, "shape", [20])),
        (f"'t_max' is 5.0; {ABSENT}", attribute(SPIKES, "t_max", 5.0)),
        (f"'unit' is 'mV'; {ABSENT}", attribute(f"{VALUES}/data", "unit", "mV")),
        ("'nirx_names' is 'percent", attribute("/", "nirx_names", "percent-encoded")),
        (f"/nodes: member 'ghost' is HardLink; {ABSENT}", added("nodes/ghost", v=ZEROS)),
        ("sub/nodes: member 'x'", added("nodes/sub/nodes/x", data=0)),
        ("fc/observables: member 'v'", added("nodes/fc/observables/v", data=ZEROS)),
        ("member 'idx'", added(SPIKES, idx=ZEROS[0], time=ZEROS[0])),
        ("/: member 'more'", added("more", x=1)),
        ("/nirx: member 'more'", added("nirx", more=1)),
        (f"{VALUES}: member 'data' is absent", lambda file: file[VALUES].pop("data")),
        ("'data' is ExternalLink", linked(f"{VALUES}/data", h5py.ExternalLink("x.h5", "/x"))),
        ("'fc' is SoftLink", linked("nodes/fc", h5py.SoftLink("/nodes/li"))),
        ("is Datatype; expected Dataset", linked(f"{VALUES}/data", np.dtype("f4"))),
        ("is Dataset; expected Group", linked("nodes/fc", np.zeros(3))),
        ("float32; expected bool", stored_again(f"{SPIKES}/data", lambda x: x.astype("f4"))),
        ("float64; expected float32", stored_again(f"{VALUES}/data", lambda x: x.astype("f8"))),
    ],
)
def test_a_changed_structure_is_refused(made, tmp_path, text, change):
    found = refusal(copy_with(change, made[0], tmp_path / "r.h5"))
    assert text in found
    assert "changed" in found


def test_a_header_of_wide_integers_is_refused(made, tmp_path):
    change = stored_again(HEADER, lambda x: x.view("i1").astype("i8"))
    assert refusal(copy_with(change, made[0], tmp_path / "r.h5"))


def test_the_byte_order_may_be_that_of_another_machine(made, tmp_path):
    change = stored_again(f"{VALUES}/data", lambda x: x.astype(">f4"))
    path = copy_with(change, made[0], tmp_path / "r.h5")
    with h5py.File(path) as file:
        stored: Any = file[f"{VALUES}/data"]
        assert stored.dtype == ">f4"
    with ReferenceFile(path) as file:
        file.verify_content()


# -- events: there is one way to store them ------------------------------------------------


def reordered(idx: Any, time: Any, order: Any) -> Any:
    """Every row in another order, with its padding left at the end."""
    idx, time = idx.copy(), time.copy()
    for own, when in zip(idx, time, strict=True):
        n = int((own >= 0).sum())
        own[:n], when[:n] = own[:n][order(n)], when[:n][order(n)]
    return idx, time


def appended(idx: Any, time: Any, neuron: Any, when: float) -> Any:
    """Rows without padding, and one more event in each."""
    kept = int((idx >= 0).sum(1).min())
    return np.c_[idx[:, :kept], [neuron, neuron]], np.c_[time[:, :kept], [when, when]]


WRONG_PADDING = "at inf there"


@pytest.mark.slow
@pytest.mark.parametrize("block", [2, 2**16])
@pytest.mark.parametrize(
    ("text", "convert"),
    [
        ("event 0 is of", lambda i, t: (i, t + 4.9e-4)),
        ("event 0 is of", lambda i, t: (i, np.nextafter(t, np.inf))),
        ("event 1 is of", lambda i, t: (np.c_[i[:, :1], i], np.c_[t[:, :1], t])),
        ("is of neuron", lambda i, t: reordered(i, t, lambda n: slice(None, None, -1))),
        ("is of neuron", lambda i, t: reordered(i, t, lambda n: [1, 0, *range(2, n)])),
        (WRONG_PADDING, lambda i, t: (np.where(i < 0, -7, i), t)),
        (WRONG_PADDING, lambda i, t: (i, np.where(i < 0, 0.1, t))),
        ("beyond its longest row", lambda i, t: (np.c_[i, [-1, -1]], np.c_[t, [np.inf] * 2])),
        (WRONG_PADDING, lambda i, t: appended(i, t, 0, 400.5e-3)),
        (WRONG_PADDING, lambda i, t: appended(i, t, 0, np.inf)),
        (WRONG_PADDING, lambda i, t: appended(i, t, 0, np.nan)),
        ("is of neuron", lambda i, t: (np.c_[[0, 0], i], np.c_[[-1e-3] * 2, t])),
        ("an event of neuron 4, but there are 4", lambda i, t: (np.where(i == 3, 4, i), t)),
        ("2 rows of one length", lambda i, t: (i, t[:, 1:])),
        ("idx: dtype is float64; expected int64", lambda i, t: (i + 0.0, t)),
        ("time: dtype is float32; expected float64", lambda i, t: (i, t.astype("f4"))),
    ],
)
@pytest.mark.sampled(3)
def test_events_stored_in_another_way_are_refused(
    listed, tmp_path, monkeypatch, text, convert, block
):
    """The spikes, and so the digest, are mostly the same; to other readers they are not."""
    monkeypatch.setattr(event_rows, "EVENTS", block)

    def change(file: Any) -> None:
        group = file[SPIKES]
        idx, time = group["idx"][()], group["time"][()]
        assert (idx < 0).any(), "the test needs padding"
        for key, value in zip(("idx", "time"), convert(idx, time), strict=True):
            stored_again(f"{SPIKES}/{key}", lambda _, value=value: value)(file)

    path = copy_with(change, listed, tmp_path / "r.h5")
    monkeypatch.setattr(ReferenceFile, "_require_digests", lambda self, advance: None)
    found = refusal(path)
    assert text in found
    assert "changed" in found or "damaged" in found
    with ReferenceFile(listed) as file:
        file.verify_content()


@pytest.mark.parametrize("block", [1, 2, 9])
def test_there_is_no_event_after_padding(monkeypatch, block):
    monkeypatch.setattr(event_rows, "EVENTS", block)
    run = Run(steps=3, samples=1, dt=1.0, dtype="float32")
    pieces = [np.eye(3)[:2, None, :]]  # neuron 0 in step 0, neuron 1 in step 1
    idx, time = np.array([[0, 1]]), np.array([[0.5, 1.5]])
    require_event_rows("x", idx, time, pieces, 3, run)
    for gap in (1, 2):
        between = (
            np.insert(idx, 1, [[-1]] * gap, axis=1),
            np.insert(time, 1, [[np.inf]] * gap, axis=1),
        )
        with pytest.raises(nirx.FileError, match="event 1 is of neuron -1 at inf"):
            require_event_rows("x", *between, pieces, 3, run)
        flat, _ = event_rows.read_events(*between, 3, run, (0, 3), [0])
        with pytest.raises(nirx.FileError, match=r"event [23] is of neuron"):
            require_event_rows("x", *between, [flat.swapaxes(0, 1)], 3, run)
    for none in (idx[:, :0], time[:, :0]), (idx[:0, :0], time[:0, :0]):
        empty = Run(steps=3, samples=len(none[0]), dt=1.0, dtype="float32")
        require_event_rows("x", *none, [np.zeros((3, empty.samples, 3))], 3, empty)


# -- the graph inside ----------------------------------------------------------------------


def test_the_graph_is_read_without_a_temporary_file(made, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))  # a kill leaves nothing there
    with ReferenceFile(made[0]) as file:
        file.verify_content()
        assert nirx.same_graph(file.graph, read_embedded(file._graph_file(), "again"))


def test_a_damaged_graph_inside_is_a_file_error(made):
    with ReferenceFile(made[0]) as file:
        data = file._graph_file()
    read_embedded(data, "r.h5")
    assert b"GCOL" in data, "texts are read from the bytes themselves"
    for damaged in (b"", data[:-1], data[: len(data) // 2], b"x" * 5000, data[:8] + data[:-8]):
        with pytest.raises(nirx.FileError, match=r"r\.h5: its graph"):
            read_embedded(damaged, "r.h5")
