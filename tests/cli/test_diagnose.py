"""`nirx diagnose`: file formats, inputs, exit status, JSON, and the messages for bad files."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

import nirx
from nirx.cli import main
from nirx.files.archive import save_arrays
from support.diagnosing import SUBTRACTS, reals, record, shifted, smooth_layers
from support.graphs import chain, lif

D = nirx.Discretization(dt=1.0)
PLANTED = replace(D, reset="subtract", reset_when="next")
STEPS, BATCH, SIZE = 60, 2, 4
KEYS = ("sub/lif", "sub/lif.v")


def graph() -> nir.NIRGraph:
    neurons = lif(SIZE, r=2.0, v_leak=0.25, v_reset=0.125)
    return chain({"sub": chain({"lif": neurons}, SIZE)}, SIZE)


@pytest.fixture
def recorded() -> dict[str, np.ndarray]:
    xs = np.random.default_rng(0).uniform(0, 3, (STEPS, BATCH, SIZE))
    return {"input": xs, **record(graph(), PLANTED, xs, *KEYS)}


@pytest.fixture
def folder(tmp_path, recorded) -> Path:
    nirx.write(tmp_path / "g.nir", graph(), D)
    save_arrays(tmp_path / "x.npz", {"input": recorded["input"]})
    observed = {key: recorded[key] for key in KEYS}
    save_arrays(tmp_path / "seen.npz", observed)
    with h5py.File(tmp_path / "seen.h5", "w") as file:
        for key, array in observed.items():
            file.create_dataset(key, data=array, compression="gzip")
    write_csv(tmp_path / "seen.csv", observed)
    return tmp_path


def write_csv(path: Path, observed: dict[str, np.ndarray]) -> None:
    with open(path, "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["step", "node", "sample", "index", "value"])
        for key, array in observed.items():
            for step, sample, index in np.ndindex(*array.shape):
                value = float(array[step, sample, index])
                if value or key.endswith(".v"):
                    writer.writerow([step, key, sample, index, repr(value)])


def run(folder: Path, observed: str, *options: str) -> int:
    given = ["--input", str(folder / "x.npz"), *options]
    return main(["diagnose", str(folder / "g.nir"), str(folder / observed), *given])


def payload(folder: Path, observed: str, capsys: Any, *options: str) -> Any:
    run(folder, observed, "--json", *options)
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("observed", ["seen.npz", "seen.h5", "seen.csv"])
def test_the_planted_rule_is_found_in_every_format(folder, observed, capsys):
    assert run(folder, observed) == 0
    printed = capsys.readouterr().out
    assert "sub/lif (LIF), by sub/lif, sub/lif.v" in printed
    assert "sub/lif subtracts the threshold one step late" in printed
    assert "a free run of the whole graph confirms it" in printed
    assert '"reset": "subtract"' in printed


@pytest.mark.slow
def test_the_formats_agree(folder, capsys):
    every = [payload(folder, f"seen.{kind}", capsys) for kind in ("npz", "h5", "csv")]
    for own in every:
        assert own.pop("observed").startswith(str(folder))
    assert every[0] == every[1] == every[2]
    assert every[0]["explained"] is True
    assert every[0]["nodes"][0]["pinned"]["reset_when"] == "next"
    found = nirx.Discretization.from_json(every[0]["discretization"])
    assert (found.reset, found.reset_when) == ("subtract", "next")


def test_what_is_not_explained_ends_with_1(folder, recorded, capsys):
    spikes = recorded["sub/lif"].copy()
    spikes[50, 1, 2] = 1 - spikes[50, 1, 2]
    save_arrays(folder / "bad.npz", {"sub/lif": spikes})
    assert run(folder, "bad.npz") == 1
    assert "first fails at step 50, sub/lif[1, 2]" in capsys.readouterr().out
    own = payload(folder, "bad.npz", capsys)
    assert own["explained"] is False
    assert own["first_divergence"]["step"] == 50
    assert own["first_divergence"]["index"] == [1, 2]


@pytest.mark.slow
def test_the_status_is_0_if_only_the_free_run_explains_it(tmp_path, capsys):
    xs, net = reals(), smooth_layers(2)
    late = {k: shifted(v) for k, v in record(net, SUBTRACTS, xs, "a", "a.v", "b", "b.v").items()}
    nirx.write(tmp_path / "g.nir", net, D)
    save_arrays(tmp_path / "x.npz", {"input": xs})
    save_arrays(tmp_path / "seen.npz", late)
    assert run(tmp_path, "seen.npz", "--json") == 0
    own = json.loads(capsys.readouterr().out)
    assert own["explained"] is True
    assert own["first_divergence"] is None
    node = own["nodes"][1]
    assert (node["by_spikes"], node["pinned"]["reset"]) == (True, "subtract")
    assert node["candidates"][0]["first_divergence"]["step"] == 0


def test_options(folder, capsys):
    own = payload(folder, "seen.npz", capsys, "--dt", "0.5", "--dt", "1", "--top", "2")
    assert nirx.Discretization.from_json(own["discretization"]).dt == 1.0
    assert nirx.Discretization.from_json(own["asked"]).dt == 0.5
    assert len(own["nodes"][0]["candidates"]) == 2
    started = payload(folder, "seen.npz", capsys, "--set", "reset=subtract", "--max-shift", "0")
    assert started["nodes"][0]["candidates"][0]["changes"] == ["reset_when"]


def test_random_input_is_that_of_run(folder, capsys):
    file, out = str(folder / "g.nir"), str(folder / "r.npz")
    random = ["--random", "3", "--steps", "40", "--dtype", "float64"]
    assert (
        main(["run", file, *random, "--set", "reset=none", "--out", out, "--record", KEYS[0]]) == 0
    )
    assert main(["diagnose", file, out, *random]) == 0
    assert "sub/lif is never reset (reset='none', reset_when='same')" in capsys.readouterr().out


def refused(folder: Path, name: str, capsys: Any) -> str:
    capsys.readouterr()
    assert run(folder, name) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("nirx: error: ")
    assert "Traceback" not in err
    return err


def test_files_that_are_not_recordings(folder, capsys):
    assert "no such file" in refused(folder, "no.npz", capsys)
    (folder / "d.csv").mkdir()
    assert "not a file" in refused(folder, "d.csv", capsys)
    (folder / "seen.txt").write_text("")
    assert "unknown format '.txt'; expected .npz, .h5" in refused(folder, "seen.txt", capsys)
    (folder / "broken.npz").write_bytes(b"PK\3\4 no zip")
    assert "damaged NumPy file" in refused(folder, "broken.npz", capsys)
    objects: Any = {name: np.array([{}], dtype=object) for name in ("input", "output")}
    np.savez(folder / "pickle.npz", **objects)
    assert "never loaded" in refused(folder, "pickle.npz", capsys)
    (folder / "broken.h5").write_bytes(b"\x89HDF\r\n\x1a\n and no more")
    assert "not a readable HDF5 file" in refused(folder, "broken.h5", capsys)
    with h5py.File(folder / "link.h5", "w") as file:
        file["sub/lif"] = h5py.ExternalLink("seen.h5", "/sub/lif")
    assert "link.h5: /sub/lif is a soft or external link" in refused(folder, "link.h5", capsys)
    with h5py.File(folder / "text.h5", "w") as file:
        file["sub/lif"] = ["a", "b"]
    assert "/sub/lif holds text" in refused(folder, "text.h5", capsys)
    with h5py.File(folder / "huge.h5", "w") as file:
        file.create_dataset("sub/lif", shape=(2**40,), dtype="f8", chunks=(2**20,))
    assert "claims more data" in refused(folder, "huge.h5", capsys)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the header is ''; expected step,node,index,value"),
        ("step,node,value\n", "line 1: the header is 'step,node,value'"),
        ("step,node,index,colour\n", "line 1: unknown column 'colour'"),
        ("step,node,index\n0,sub/lif\n", "line 2: expected 3 fields"),
        ("step,node,index\n0,sub/lif,0,1\n", "line 2: expected 3 fields"),
        ("step,node,index,sample\n0,sub/lif,0,0\n0,sub/lfi,0,0\n", "line 3: nothing is called"),
        ("step,node,index\n0,sub/lif,0\n", "line 2: no sample; expected 0..1"),
        (
            "step,node,index,sample\n60,sub/lif,0,0\n",
            "line 2: step is 60; expected 0..59; the input has 60 steps",
        ),
        ("step,node,index,sample\n-1,sub/lif,0,0\n", "line 2: time -1 is before the start"),
        ("step,node,index,sample\n1.5,sub/lif,0,0\n", "line 2: expected a whole number of steps"),
        ("step,node,index,sample\n1,sub/lif,4,0\n", "line 2: index is '4'; expected 0..3"),
        ("step,node,index,sample\n1,sub/lif,1;1,0\n", "line 2: index is '1;1'"),
        ("step,node,index,sample\n1,sub/lif,,0\n", "line 2: no index"),
        ("step,node,index,sample,value\n1,sub/lif,1,0,x\n", "line 2: value is 'x'"),
        ("step,node,index,sample,value\n1,sub/lif,1,0,nan\n", "line 2: value is 'nan'"),
        ("step,node,index,sample,value\n1,sub/lif.v,1,0,\n", "line 2: value is ''"),
        (
            "step,node,index,sample,value\n0,sub/lif.v,0,0,1\n",
            "'sub/lif.v' has no row for step 0, index [1], sample [0] (479 rows are missing)",
        ),
        (
            "step,node,index,sample,value\n" + "0,sub/lif.v,0,0,1\n" * 2,
            "line 3: 'sub/lif.v' has a second row",
        ),
        ('step,node,index\n0,"sub/lif,0\n', "not a CSV file"),
    ],
)
def test_faults_in_csv_name_the_line(folder, capsys, text, message):
    (folder / "bad.csv").write_text(text)
    assert message in refused(folder, "bad.csv", capsys)


def test_bytes_that_are_not_text(folder, capsys):
    (folder / "bad.csv").write_bytes(b"step,node,index\n\xff\xfe,sub/lif,0\n")
    assert "not a text in UTF-8" in refused(folder, "bad.csv", capsys)


def test_spikes_in_csv_add_up_and_need_no_value(tmp_path):
    from nirx.recordings.load_file import load_file

    schedule = nirx.schedule(graph(), D)
    path = tmp_path / "s.csv"
    path.write_text("step,node,index\r\n3,sub/lif,1\r\n3,sub/lif,1\r\n5,output,0\r\n")
    found = load_file(path, schedule, (8,)).arrays
    assert found["sub/lif"][3, 1] == 2
    assert found["sub/lif"].sum() == 2
    assert found["output"].shape == (8, SIZE)
    assert found["output"][5, 0] == 1
    one = load_file(path, schedule, (8, 1)).arrays  # a batch of one needs no sample
    assert one["sub/lif"].shape == (8, 1, SIZE)


def test_odd_names_come_back(tmp_path):
    from nirx.recordings.load_file import load_file

    schedule = nirx.schedule(chain({"a\0/b": nir.Threshold(np.ones(1))}, 1), D)
    save_arrays(tmp_path / "o.npz", {"a\0~1b": np.ones((3, 1))})
    assert list(load_file(tmp_path / "o.npz", schedule, (3,)).arrays) == ["a\0~1b"]


def test_an_unknown_key_names_the_file(folder, recorded, capsys):
    save_arrays(folder / "odd.npz", {"sub/lfi": recorded["sub/lif"]})
    said = refused(folder, "odd.npz", capsys)
    assert "odd.npz: " in said
    assert "sub/lfi" in said


@pytest.mark.slow
def test_the_default_is_not_what_somebody_asked_for(folder, capsys):
    nirx.write(folder / "bare.nir", graph())
    given = [str(folder / "bare.nir"), str(folder / "seen.npz"), "--input", str(folder / "x.npz")]
    assert main(["diagnose", *given, "--dt", "1"]) == 0
    assert "; the default is reset='value', reset_when='same'" in capsys.readouterr().out
    assert main(["diagnose", *given, "--dt", "1", "--set", "integrator=euler"]) == 0
    assert "; you asked for reset='value', reset_when='same'" in capsys.readouterr().out


@pytest.fixture
def reference(folder) -> Path:
    nirx.reference(folder / "g.nir", folder / "x.npz", folder / "ref.h5", discretization=PLANTED,
                   dtype="float64")  # fmt: skip
    return folder


@pytest.mark.slow
def test_a_reference_is_an_input_and_a_recording(reference, capsys):
    file, ref = str(reference / "g.nir"), str(reference / "ref.h5")
    assert main(["diagnose", file, ref, "--input", ref]) == 0
    assert "subtracts the threshold one step late" in capsys.readouterr().out
    assert main(["diagnose", file, str(reference / "seen.npz"), "--input", ref]) == 0


@pytest.mark.slow
def test_nirdata_is_a_recording(reference, recorded, capsys):
    with h5py.File(reference / "chip.h5", "w") as file:
        file.attrs["__type__"] = "NIRGraphData"
        sub = file.create_group("nodes/sub")
        sub.attrs["__type__"] = "NIRGraphData"
        spikes = sub.create_group("nodes/lif/observables/spikes")
        spikes.attrs.update({"__type__": "TimeGriddedData", "dt": 1.0})
        spikes["data"] = recorded["sub/lif"].swapaxes(0, 1)
    assert run(reference, "chip.h5") == 0
    assert "sub/lif (LIF), by sub/lif" in capsys.readouterr().out
    assert run(reference, "chip.h5", "--dt", "0.5") == 2
    said = capsys.readouterr().err
    assert "sub/lif.spikes has steps of dt=1.0, the run dt=0.5" in said
    assert "observables" not in said


def test_a_generator_is_an_input(folder, capsys):
    file, out = str(folder / "g.nir"), folder / "made.h5"
    made = {"steps": 40, "seed": 3, "discretization": PLANTED, "dtype": "float64"}
    nirx.reference(folder / "g.nir", "poisson:rate=0.9", out, **made)
    options = ["--input", "poisson:rate=0.9", "--steps", "40", "--seed", "3"]
    assert main(["diagnose", file, str(out), *options]) == 0
    assert run(folder, "made.h5") == 2
    assert "has 40 steps and 1 samples; the input has 60 and 2" in capsys.readouterr().err
