"""Recordings as chips deliver them, in CSV: columns, units, offsets, layers, rounding."""

from __future__ import annotations

import json

import h5py
import nir
import numpy as np
import pytest

import nirx
from nirx import EventFormat
from support.bench import Bench, nested, signal, spiking, weights
from support.chips import LAYERS as KEYS
from support.chips import spikes, timed, write
from support.graphs import chain

# -- columns, units and offsets ------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "ticks", "after", "form"),
    [
        ("t_us,layer,addr", 1000, 400, None),
        ("Timestamp,Population,Neuron", 1000, 999, None),
        ("t_ms,node,idx", 1, 0.25, None),
        ("t_ns,node,idx", 1_000_000, 999_999, None),
        ("time [s],node,idx", 0.001, 0.0005, None),
        ("t,node,index", 1, 0.5, {"time_unit": "ms"}),
        ("t,node,index", 10, 0, {"time_unit": 1e-4}),
        ("t,node,index", 1, 0, {"time_unit": "steps"}),
        ("when,core,who", 1000, 0, {"columns": {"time": "when", "node": "core", "neuron": "who"}}),
        ("WHEN_NS,core,who", 10**6, 0,
         {"columns": {"time": "when_ns", "node": "core", "neuron": "who"}}),
        ("t_us,node,idx", 1000, 1_700_000_000_000_123, {"offset": 1_700_000_000_000_000}),
        ("t_us,node,idx", 1000, -7000.5, {"offset": -7000.5}),
        ("t_us,node,idx", 1000, -300, {"rounding": "nearest"}),
        ("step,node,idx", 1, 1, {"offset": 1}),
    ],
)  # fmt: skip
def test_columns_units_and_offsets(chip, tmp_path, header, ticks, after, form):
    path = write(tmp_path / "x.csv", header, timed(chip, ticks, after))
    events = None if form is None else EventFormat(**form)
    found = chip.verify(path, events=events)
    assert found.verdict == "exact"
    assert [n.key for n in found.nodes] == list(KEYS)
    assert found.events is not None
    assert found.events.events == sum(n.expected for n in found.nodes) > 50


def test_the_first_event_of_all_layers_can_begin_step_0(chip, tmp_path):
    first = min(s for key in KEYS for s, _ in spikes(chip, key))
    rows = timed(chip, 1000, 123_456_789)
    path = write(tmp_path / "x.csv", "t_us,node,idx", rows)
    found = chip.verify(path, events=EventFormat(offset="first"))
    shifted = chip.verify(path, events=EventFormat(offset=123_456_789 + 1000 * first))
    assert found.to_dict()["nodes"] == shifted.to_dict()["nodes"]
    assert (found.verdict == "exact") is (first == 0)


def test_a_wrong_unit_or_offset_names_the_line(chip, tmp_path):
    path = write(tmp_path / "x.csv", "t,node,idx", timed(chip, 1000, 5))
    with pytest.raises(nirx.InputError, match=r"line 2: time \d+ \(ms\) is in step \d+; expected"):
        chip.verify(path, events=EventFormat(time_unit="ms"))
    with pytest.raises(nirx.InputError, match=r"line 2: time \d+ is before the start, 1000000"):
        chip.verify(path, events=EventFormat(offset=10**6))
    path = write(tmp_path / "y.csv", "t,node,idx", timed(chip, 1, 0.5))
    with pytest.warns(nirx.NirxWarning, match="all events fall into step 0; is the unit"):
        found = chip.verify(path, events=EventFormat(time_unit="us", merge="any"))
    assert found.verdict == "fails"


def test_the_assumed_unit_and_columns_that_are_not_read_are_said(chip, tmp_path):
    path = write(tmp_path / "x.csv", "t,node,idx", timed(chip, 1000))
    note = "'t' is taken to be in us; time_unit= (--time-unit) says otherwise"
    assert note in chip.verify(path).notes
    assert note not in chip.verify(path, events=EventFormat(time_unit="us")).notes
    rows = [[7, *row] for row in timed(chip, 1000)]
    path = write(tmp_path / "y.csv", "core,t_us,node,idx", rows)
    with pytest.raises(nirx.FileError, match=r"line 1: unknown column 'core'.*--columns time="):
        chip.verify(path)
    found = chip.verify(path, events=EventFormat(columns={"time": "t_us"}))
    assert (found.verdict, found.notes[-1]) == ("exact", "columns that are not read: 'core'")


@pytest.mark.parametrize(
    ("form", "header", "error", "message"),
    [
        ({"columns": {"time": "tt"}}, "t,node,idx", nirx.FileError, "no column 'tt' for time"),
        ({}, "t,time,node,idx", nirx.FileError, "'t' and 'time' may both be the time; state"),
        ({}, "t,step,node,idx", nirx.FileError, "columns 'step' and 't'; expected one"),
        ({}, "t,node", nirx.FileError, "expected a column of neuron or x"),
        ({}, "node,idx", nirx.FileError, "expected a column of time or step"),
        (
            {"time_unit": "ms"},
            "step,node,idx",
            nirx.InputError,
            "goes with times, not",
        ),
        ({"node": "lif"}, "t,node,idx", nirx.InputError, "it names its layers itself"),
        ({"node": "nope"}, "t,idx", nirx.InputError, "nothing is called 'nope'"),
        ({}, "t,idx", nirx.InputError, "name no layer, and the graph has 'lif', 'sub/lif'"),
    ],
)
def test_headers_that_are_not_certain_are_refused(chip, tmp_path, form, header, error, message):
    path = write(tmp_path / "x.csv", header, [(1, "lif", 0)[: header.count(",") + 1]])
    with pytest.raises(error, match=message):
        chip.verify(path, events=EventFormat(**form))


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"columns": {"tiem": "t"}}, "nothing is 'tiem'; did you mean 'time'"),
        ({"columns": {"time": "t", "step": "s"}}, "both time and step are stated"),
        ({"columns": {"time": "t", "neuron": "t"}}, "one name stands for two things"),
        ({"columns": "time=t"}, "expected {'time': 't_us'"),
        ({"time_unit": "min"}, "time_unit='min'; expected one of s, ms, us, ns, steps"),
        ({"time_unit": 0}, "expected a number above 0"),
        ({"offset": "last"}, "expected a number of ticks, or 'first'"),
        ({"offset": float("nan")}, "expected a number of ticks"),
        ({"rounding": "up"}, "expected 'down' or 'nearest'"),
        ({"merge": "last"}, "expected 'sum' or 'any'"),
        ({"height": 0}, "expected a number of pixels"),
        ({"report_above": -1}, "expected a part of a step"),
    ],
)
def test_formats_that_mean_nothing_are_refused(form, message):
    with pytest.raises(nirx.InputError, match=message):
        EventFormat(**form)


def test_a_format_goes_with_events_only(chip, tmp_path):
    np.savez(tmp_path / "x.npz", lif=chip.recorded["lif"])
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["lif"] = chip.recorded["lif"]
    form = EventFormat(time_unit="us")
    for observed in (tmp_path / "x.npz", tmp_path / "x.h5", chip.path, chip.recorded):
        with pytest.raises(nirx.InputError, match="no lists of events"):
            chip.verify(observed, events=form)
    with pytest.raises(nirx.InputError, match="no lists of events"):
        chip.verify(backend="numpy", events=form)


# -- layers ---------------------------------------------------------------------------------


def test_a_file_of_one_layer(chip, tmp_path):
    rows = [(s * 1000, i) for s, i in spikes(chip, "sub/lif")]
    path = write(tmp_path / "x.csv", "t_us,idx", rows)
    found = chip.verify(path, events=EventFormat(node="sub/lif"))
    assert (found.verdict, [n.key for n in found.nodes]) == ("exact", ["sub/lif"])
    silent = write(tmp_path / "y.csv", "t_us,idx", [])
    found = chip.verify(silent, events=EventFormat(node="sub/lif"))
    assert (found["sub/lif"].missing, len(found.nodes)) == (len(rows), 1)


def test_samples_are_a_column(tmp_path):
    bench = Bench(nested(), tmp_path / "r.h5", signal(4, 60, (2,)))
    where = np.argwhere(bench.recorded["lif"] > 0).tolist()
    path = write(tmp_path / "x.csv", "t_us,trial,node,idx",
                 [(s * 1000, b, "lif", i) for s, b, i in where])  # fmt: skip
    assert bench.verify(path).verdict == "exact"
    path = write(tmp_path / "x.csv", "t_us,node,idx", [(s * 1000, "lif", i) for s, b, i in where])
    with pytest.raises(nirx.InputError, match=r"line 2: no sample; expected 0\.\.1"):
        bench.verify(path)


def test_values_can_have_times_too(chip, tmp_path):
    v = chip.recorded["lif.v"]
    rows = [
        (s * 1000 + 10, "lif.v", i, repr(float(v[s, 0, i]))) for s in range(60) for i in range(4)
    ]
    path = write(tmp_path / "x.csv", "t_us,node,idx,value", rows)
    assert chip.verify(path).verdict == "exact"
    write(path, "t_us,node,idx,value", rows[:-1])
    with pytest.raises(nirx.InputError, match=r"'lif\.v' has no row for step 59"):
        chip.verify(path)
    write(path, "t_us,node,idx", [row[:3] for row in rows])
    with pytest.raises(nirx.InputError, match=r"'lif\.v' is not spikes; expected a value"):
        chip.verify(path)


# -- how events fall between steps ----------------------------------------------------------


def test_the_result_says_how_events_fell(chip, tmp_path):
    rows = timed(chip, 1000, 100)
    rows[3][0] += 200  # 0.3 of a step
    rows[7][0] += 850  # 0.95
    path = write(tmp_path / "x.csv", "t_us,node,idx", rows)
    found = chip.verify(path)
    own = found.events
    assert own is not None
    assert (own.events, own.rounded, own.before_next, own.shared) == (len(rows), 2, 1, 0)
    assert own.largest == pytest.approx(0.95, abs=1e-12)
    assert own.farthest == f"{path}, line 9"
    assert f"2 rounded by more than 0.25 of a step, by 0.95 at most ({path}, line 9)" in str(found)
    assert "--rounding nearest" in str(found)
    assert json.loads(json.dumps(found.to_dict()))["events"]["rounded"] == 2
    strict = chip.verify(path, events=EventFormat(report_above=0.05)).events
    assert strict is not None
    assert strict.rounded == len(rows)
    assert chip.verify(chip.recorded).to_dict()["events"] is None
    on_time = chip.verify(write(path, "t_us,node,idx", timed(chip, 1000)))
    assert "all at the beginning of their step" in str(on_time)


def test_two_events_in_one_step_are_refused_where_neurons_spike_once(chip, tmp_path):
    rows = timed(chip, 1000, 100, ["lif"])
    again = [rows[4][0] + 300, *rows[4][1:]]
    path = write(tmp_path / "x.csv", "t_us,node,idx", [*rows, again])
    step, line = rows[4][0] // 1000, len(rows) + 2
    message = rf"line {line}: neuron \d of 'lif' has a second event in step {step} .*line 6\)"
    with pytest.raises(nirx.InputError, match=message):
        chip.verify(path)
    found = chip.verify(path, events=EventFormat(merge="any"))
    assert (found.verdict, found.events and found.events.shared) == ("exact", 1)
    assert f"1 event of a neuron that has one in the same step already, the first at {path}" in str(
        found
    )
    found = chip.verify(path, events=EventFormat(merge="sum"))
    assert found["lif"].kind == "one spike too many"


def test_two_events_in_one_step_are_counted_where_neurons_may_spike_several_times(tmp_path):
    d = nirx.Discretization(dt=1e-3, spikes="multi", reset="subtract")
    graph = chain({"fc": nir.Linear(8 * weights(4, 4)), "lif": spiking(4, 0.1)}, 4)
    bench = Bench(graph, tmp_path / "r.h5", signal(4, 60, (1,)), discretization=d)
    counts = bench.recorded["lif"][:, 0]
    assert counts.max() > 1
    rows = [
        (1000 * s + n, i)
        for s, i in np.argwhere(counts > 0).tolist()
        for n in range(int(counts[s, i]))
    ]
    path = write(tmp_path / "x.csv", "t_us,idx", rows)
    found = bench.verify(path)
    assert found.verdict == "exact"
    assert found.events is not None
    assert found.events.shared == counts.sum() - np.count_nonzero(counts)
