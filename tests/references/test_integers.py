"""References of graphs in integers: whole numbers, the same on every backend."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import nirx
from nirx.references import generate
from nirx.references.reading import ReferenceFile
from support.whole_graphs import RULE, layers, spikes


def written(path, data, **options):
    return nirx.reference(layers(), data, path, discretization=RULE, **options)


def arrays_of(path):
    with ReferenceFile(path) as file:
        file.verify_content()
        return {o.key: file.read(o, 0, file.steps) for o in file.observables}, file.header


@pytest.mark.parametrize("backend", ["torch", pytest.param("jax", marks=pytest.mark.slow)])
@pytest.mark.sampled(3)
def test_every_backend_writes_the_same_whole_numbers(backend, tmp_path):
    first = written(tmp_path / "numpy.h5", spikes())
    assert written(tmp_path / "r.h5", spikes(), backend=backend).digest == first.digest


def test_the_numbers_are_those_of_a_run(tmp_path):
    digest = written(tmp_path / "r.h5", spikes()).digest
    found, header = arrays_of(tmp_path / "r.h5")
    assert {array.dtype for array in found.values()} == {np.dtype("int64")}
    assert nirx.digest(found) == digest
    assert header["dtype"] == "int64"
    assert '"membrane_bits": 9' in header["discretization"]
    net = nirx.from_nir(layers(), "numpy", RULE)
    _, _, recorded = net.run(spikes(), record=["b.v", "a.i_overflows"])
    for key, array in recorded.items():
        np.testing.assert_array_equal(found[key], array)
    np.testing.assert_array_equal(found["input"], spikes())  # before `input_shift`


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int16])
def test_inputs_of_any_dtype_that_are_whole_are_the_same(dtype, tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, input=spikes(dtype=dtype))
    assert written(tmp_path / "r.h5", path).digest == written(tmp_path / "s.h5", spikes()).digest


@pytest.mark.parametrize("form", ["dense", "events"])
def test_a_reference_is_an_input(form, tmp_path):
    data = (spikes() > 0).astype("f4")
    first = written(tmp_path / "r.h5", data, spikes=form)
    assert written(tmp_path / "s.h5", tmp_path / "r.h5").digest == first.digest


class Source:
    """A caller's own, of any dtype; it stops at a step."""

    def __init__(self, data, at=None):
        self.data, self.at = data, at
        self.steps, self.batch, self.identity = len(data), (2,), {"kind": "test"}

    def read(self, start, stop):
        if self.at is not None and start >= self.at:
            raise OSError("the disk is gone")
        return {"input": self.data[start:stop]}


def test_another_backend_continues_a_run_in_integers(tmp_path, monkeypatch):
    monkeypatch.setattr(generate, "MOST_STEPS", 20)
    data = spikes(dtype="f4")
    with pytest.raises(OSError, match="the disk is gone"):
        written(tmp_path / "r.h5", Source(data, 40))
    found = written(tmp_path / "r.h5", Source(data), backend="torch")
    assert found.resumed == 40
    assert found.digest == written(tmp_path / "whole.h5", Source(data)).digest


@pytest.mark.parametrize(
    "data",
    [
        spikes() * 0.5,
        spikes() * np.nan,
        spikes() * 2.0**60,
        spikes() * 2**60,
        "poisson:rate=0.9,height=0.5",
        "events",
        Source(spikes() * 0.5),
    ],
    ids=lambda data: data if isinstance(data, str) else "",
)
def test_fractions_are_refused_with_their_place(data, tmp_path):
    if isinstance(data, str) and data == "events":
        data = tmp_path / "x.csv"
        data.write_text("step,neuron,value\n3,1,0.5\n")
    with pytest.raises(nirx.InputError, match=r"Input 'input', step .*expected whole numbers"):
        written(tmp_path / "r.h5", data)
    assert not (tmp_path / "r.h5").exists()


FACTS = generate.Plan.facts


def test_a_header_that_says_otherwise_is_refused(tmp_path, monkeypatch):
    floats = replace(RULE, arithmetic=None).to_json()
    monkeypatch.setattr(
        generate.Plan, "facts", lambda own: {**FACTS(own), "discretization": floats}
    )
    written(tmp_path / "r.h5", spikes())
    with pytest.raises(nirx.FileError, match="holds int64, which is not what"):
        ReferenceFile(tmp_path / "r.h5")
