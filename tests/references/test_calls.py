"""`nirx.reference` refuses bad arguments and bad targets before the work begins."""

from __future__ import annotations

import pytest

import nirx
from support.references import STEP, clip, nested, write_reference


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"compression": "zip"}, "expected one of 'gzip', 'lzf', 'none'"),
        ({"spikes": "sparse"}, "expected one of 'dense', 'events'"),
        ({"record": ["nothing"]}, "nothing is called 'nothing'"),
        ({"dtype": "int8"}, "float32 or float64"),
        ({"backend": "nope"}, "no backend 'nope'"),
        ({"data": clip(0)}, "no steps"),
    ],
)
def test_bad_arguments_are_refused(tmp_path, options, text):
    with pytest.raises(nirx.NirxError, match=text):
        write_reference(tmp_path / "r.h5", **options)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("no/r.h5", "there is no folder"),
        ("x.npz", r"a reference is an HDF5 file; call it x\.h5"),
        ("x.csv", r"a reference is an HDF5 file; call it x\.h5"),
        ("m.NIR", r"a reference is an HDF5 file; call it m\.h5"),
    ],
)
def test_bad_targets_are_refused(tmp_path, name, text):
    with pytest.raises(nirx.FileError, match=text):
        write_reference(tmp_path / name)


@pytest.mark.parametrize("what", ["graph", "input"])
def test_a_file_that_is_read_is_not_overwritten(tmp_path, what):
    paths = {"graph": tmp_path / "g.h5", "input": tmp_path / "x.h5"}
    nirx.write(paths["graph"], nested(), STEP)
    write_reference(paths["input"])
    before = paths[what].read_bytes()
    with pytest.raises(nirx.FileError, match="is also an input"):
        nirx.reference(paths["graph"], paths["input"], paths[what])
    assert paths[what].read_bytes() == before


@pytest.mark.parametrize("text", ["nirdata:{},observable=input", "events:{},unit=us", "npy:{}"])
def test_an_input_behind_a_prefix_is_not_overwritten(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    write_reference("own.h5")
    (tmp_path / "link.h5").symlink_to("own.h5")
    before = (tmp_path / "own.h5").read_bytes()
    for name in ("own.h5", "./own.h5", "link.h5"):
        with pytest.raises(nirx.FileError, match=r"out own\.h5: is also an input"):
            write_reference("own.h5", text.format(name))
    assert (tmp_path / "own.h5").read_bytes() == before
    write_reference("new.h5", "nirdata:own.h5,observable=input")
