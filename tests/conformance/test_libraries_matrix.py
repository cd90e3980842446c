"""The library matrix itself: the verdicts on fake libraries, and the layout of the page."""

from __future__ import annotations

import re

import numpy as np
import pytest

import nirx
from nirx_conformance.libraries import page
from nirx_conformance.libraries.fake import FAKES, MISSING
from nirx_conformance.libraries.judges import (
    judge_bridge,
    judge_importer,
    judge_own_steps,
    judge_taken,
)
from nirx_conformance.libraries.library import Library, installed
from nirx_conformance.libraries.matrix import measure, payload
from nirx_conformance.libraries.messages import clean
from nirx_conformance.libraries.rows import ROWS
from nirx_conformance.libraries.trials import BATCH, STEPS
from nirx_conformance.libraries.worker import Worker

pytestmark = pytest.mark.slow

BY_NAME = {row.name: row for row in ROWS}

VERDICTS = [
    ("exact", "LIF, plain", "exact", ""),
    ("rounding", "LI, plain", "rounding", ""),
    ("wrong", "LIF, plain", "different", r"^1800 of 1800 elements differ: 1602 spikes instead"),
    ("wrong", "LI, plain", "different", r"^values differ by up to [\d.]+, where the largest is 2$"),
    ("short", "LIF, plain", "different", r"^an output of shape \(99, 3, 6\), not \(100, 3, 6\)$"),
    ("subtracts", "LIF, plain", "different", "; reset='subtract' reproduces it$"),
    ("own dt", "LIF, plain", "exact", ""),
    ("refuses", "LIF, plain", "refused", "^ValueError: no such neuron$"),
    ("asserts", "LIF, plain", "refused", "^AssertionError: raise AssertionError$"),
    ("refuses late", "LIF, plain", "refused", "^ValueError: no such neuron$"),
    ("raises", "LIF, plain", "crash", r"^IndexError: at 0x\.\.\. in fake\.py$"),
    ("none", "LIF, plain", "none", ""),
]


@pytest.mark.parametrize(("fake", "row", "outcome", "detail"), VERDICTS)
def test_an_importer_gets_its_verdict(fake, row, outcome, detail):
    verdict = judge_importer(FAKES[fake], BY_NAME[row])
    assert verdict.outcome == outcome
    assert re.search(detail, verdict.detail), verdict.detail


@pytest.mark.exhaustive
def test_a_worker_survives_libraries_that_hang_or_die():
    with Worker(FAKES["hangs"], limit=3) as worker:
        for _ in range(2):
            verdict = worker.judge("importer", "LIF, plain")
            assert (verdict.outcome, verdict.detail) == ("crash", "it did not return within 3 s")
    with Worker(FAKES["dies"], limit=60) as worker:
        for _ in range(2):
            verdict = worker.judge("importer", "LIF, plain")
            assert verdict.detail == "it ended the process with exit code 3"
        assert worker.judge("bridge", "LIF, plain").outcome == "exact"


@pytest.mark.slow
def test_a_library_that_cannot_be_imported_is_an_error():
    assert not installed(MISSING)
    with pytest.raises(RuntimeError, match="fake-missing cannot be imported: ModuleNotFound"):
        measure([MISSING])
    unknown = Library("no-such-bridge", ("nirx",))
    with pytest.raises(RuntimeError, match=r"LIF, plain, bridge: .*no bridge 'no-such-bridge'"):
        measure([unknown], ("bridge",), ("LIF, plain",))


def test_a_verdict_on_a_bridge_says_who_ran_and_with_which_steps():
    row = BY_NAME["LIF, plain"]
    plain, own = (judge(FAKES["exact"], row) for judge in (judge_bridge, judge_own_steps))
    assert (plain.outcome, plain.by_nirx, plain.steps) == ("exact", True, ())
    assert (own.outcome, own.by_nirx, own.steps) == ("exact", True, ("spikingjelly.LIFNode",))
    for judge in (judge_bridge, judge_own_steps):
        verdict = judge(FAKES["refuses"], row)
        assert (verdict.outcome, verdict.by_nirx) == ("refused", False)
        assert verdict.detail == "tau=3.0; fake.LIF has none"
    mixed = judge_bridge(FAKES["refuses"], BY_NAME["IF, plain"])
    assert (mixed.outcome, mixed.by_nirx) == ("exact", True)


def test_an_event_based_library_accepts_or_refuses():
    row = BY_NAME["LIF, plain"]
    assert judge_taken(FAKES["exact"], row).outcome == "taken"
    assert judge_taken(FAKES["refuses"], row).detail == "ValueError: no such neuron"


def test_messages_contain_no_addresses_or_folders():
    text = "<a.B at 0x7f00>\n  in /tmp/x-1/y_2/z.py or <class 'nir.ir.LIF'>, tau / dt, a/b"
    assert clean(text) == "<a.B at 0x...> in z.py or <class 'nir.ir.LIF'>, tau / dt, a/b"
    assert len(clean("x" * 1000)) == 240


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("dt", [1e-4, 1.0])
def test_rows_do_not_depend_on_rounding_and_are_not_vacuous(dt, unit):
    for row in ROWS:
        trial = row.build(dt, unit)
        assert trial.xs.shape[:2] == (STEPS, BATCH)
        runs = []
        for dtype in ("float32", "float64"):
            net = nirx.from_nir(trial.graph, "numpy", nirx.Discretization(dt=dt), dtype)
            record = net.run(trial.xs.astype(dtype), record=[trial.watch])[2]
            runs.append(record[trial.watch])
        low, high = runs
        if set(np.unique(high)) <= {0.0, 1.0}:
            assert int((low != high).sum()) == 0, row.name
            assert 0.02 < high.mean() < 0.8, row.name
        else:
            np.testing.assert_allclose(low, high, rtol=0, atol=1e-5 * np.abs(high).max())
            assert np.abs(high).max() > 0.5, row.name


def test_rows_are_deterministic():
    assert len(BY_NAME) == len(ROWS)
    for row in ROWS:
        a, b = row.build(1e-4, True), row.build(1e-4, True)
        assert nirx.same_graph(a.graph, b.graph)
        assert (a.xs == b.xs).all()


@pytest.mark.exhaustive
def test_the_page_has_a_summary_and_a_table_per_library():
    rows = ("LIF, plain", "LI, plain", "subgraph")
    found = measure([FAKES["refuses"], FAKES["none"]], rows=rows)
    taken = measure([FAKES["refuses"]], ("taken",), rows)
    lines = page.text(found, taken).splitlines()
    assert lines[0].startswith(f"Generated by `{page.COMMAND}`, with nirx ")
    heads = "its own importer | nirx's bridge, NIR's step | nirx's bridge, its own steps |"
    assert f"| library | {heads}" in lines
    name = "[fake-refuses](#fake-refuses)"
    assert f"| {name} | 3 refused | 2 refused, 1 by nirx | 2 refused, 1 by nirx |" in lines
    assert any(line.startswith("| [fake-none](#fake-none) | none | ") for line in lines)
    assert f"| row | {heads}" in lines
    assert "| LIF, plain | refused (1) | refused (2) | refused (2) |" in lines
    assert "| LI, plain | refused (1) | exact by nirx | exact by nirx |" in lines
    assert "| subgraph | refused (1) | refused (2) | refused (2) |" in lines
    assert "1. `ValueError: no such neuron`" in lines
    assert "2. `tau=3.0; fake.LIF has none`" in lines
    assert "Its own steps: `spikingjelly.LIFNode`." in lines
    assert "| LIF, plain; LI, plain; subgraph | `ValueError: no such neuron` |" in lines
    assert page.text(found, taken) == page.text(
        measure([p.library for p in found], rows=rows), taken
    )
    cell = payload(found)["fake-none"]["rows"]["LIF, plain"]["importer"]
    assert cell == {"outcome": "none", "detail": "", "by_nirx": False, "steps": ()}
