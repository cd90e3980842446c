"""Every backend reproduces the committed digests on this machine."""

import dataclasses
import re

import pytest

from nirx_conformance import digests
from nirx_conformance.cases import ALL_CASES
from nirx_conformance.digests import DTYPES, case_digest, committed, main


def every_case():
    """A quarter of NumPy's by default; of JAX's, which compile, seven of eight are exhaustive."""
    for number, case in enumerate(ALL_CASES):
        rare = pytest.mark.exhaustive if number % 8 else pytest.mark.slow
        marks = {
            "numpy": pytest.mark.slow if number % 4 else (),
            "torch": pytest.mark.slow,
            "jax": rare,
        }
        for backend, own in marks.items():
            yield pytest.param(case, backend, id=f"{case.name}-{backend}", marks=own)


@pytest.mark.parametrize(("case", "backend"), [*every_case()])
def test_the_digests_are_as_committed(case, backend):
    found = {dtype: case_digest(case, backend, dtype) for dtype in DTYPES}
    assert found == committed()[case.name]


def test_the_table_has_exactly_the_cases():
    assert sorted(case.name for case in ALL_CASES) == sorted(committed())


def test_no_two_cases_share_a_digest_and_one_input_bit_changes_it():
    table = [text for own in committed().values() for text in own.values()]
    assert len(set(table)) == len(table)
    case = next(c for c in ALL_CASES if c.name == "linear")
    changed = case.inputs.copy()
    changed[0, 0, 0] += 2.0**-20
    other = dataclasses.replace(case, inputs=changed)
    assert case_digest(other, "numpy", "float32") != committed()["linear"]["float32"]


def test_a_changed_bit_is_reported(monkeypatch, capsys):
    monkeypatch.setattr(digests, "ALL_CASES", ALL_CASES[:1])
    monkeypatch.setattr(digests, "case_digest", lambda *_: "0" * 64)
    assert main(["--backends", "numpy"]) == 1
    assert re.search(r"numpy, float32: 'neuron I' differs", capsys.readouterr().out)
