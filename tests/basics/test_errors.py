"""Errors: one family, all faults together, helpful hints, and warnings at the right line."""

from __future__ import annotations

import pickle
from difflib import get_close_matches
from importlib.metadata import EntryPoint

import pytest

import nirx
from nirx import errors
from nirx.errors import did_you_mean, warn_caller


@pytest.mark.parametrize(
    "kind", [nirx.GraphError, nirx.InputError, nirx.FileError, nirx.UnsupportedError]
)
def test_all_errors_share_one_base_class(kind):
    assert issubclass(kind, nirx.NirxError)


def test_one_fault_is_one_line_and_several_are_a_list():
    one = nirx.Fault("a/b", "is wrong", "right", "fix it")
    assert str(nirx.GraphError([one])) == "a/b: is wrong; expected right; fix it"
    text = str(nirx.GraphError([one, nirx.Fault("c", "too")]))
    assert text.splitlines() == ["2 faults in the graph:", f"  - {one}", "  - c: too"]


def test_many_faults_are_counted_and_those_of_one_kind_share_a_line():
    faults = [nirx.Fault(f"n{k}", f"odd {k // 1000}", "even") for k in range(100_000)]
    error = nirx.GraphError(faults)
    assert error.faults == tuple(faults)
    lines = str(error).splitlines()
    assert lines[0] == "100,000 faults in the graph:"
    assert lines[1] == "  - n0, n1, n2 and 997 more: odd 0; expected even"
    assert (len(lines), lines[-1]) == (22, "  - and 80,000 more")
    assert len(str(nirx.GraphError(faults[:20])).splitlines()) == 21


def test_long_names_do_not_make_long_messages():
    long = "x" * 1_000_000
    for error in (
        nirx.InputError(f"no node {long!r}"),
        nirx.GraphError([nirx.Fault(long, long, long, long)]),
        nirx.GraphError([nirx.Fault(long, long + str(k)) for k in range(30)]),
    ):
        assert len(str(error)) < 30_000
        assert "characters)" in str(error)
    with pytest.warns(nirx.NirxWarning) as caught:
        warn_caller(long)
    assert len(str(caught[0].message)) < 30_000


def test_a_graph_error_pickles():
    error = nirx.GraphError([nirx.Fault("a", "b"), nirx.Fault("c", "d")])
    again = pickle.loads(pickle.dumps(error))
    assert (again.faults, str(again)) == (error.faults, str(error))


def test_a_hint_is_the_closest_name_or_a_list():
    assert did_you_mean("lif", ["lif1", "input"]) == "did you mean 'lif1'?"
    assert did_you_mean("xyz", ["b", "a"]) == "there is 'a', 'b'"
    assert did_you_mean("xyz", map(str, range(10))).endswith("and 2 more")
    assert did_you_mean("xyz", []) == ""


def test_a_hint_takes_bounded_work(monkeypatch):
    compared = []

    def matches(name, known, n):
        compared.append(list(known))
        return get_close_matches(name, known, n=n)

    monkeypatch.setattr(errors.difflib, "get_close_matches", matches)
    names = [f"layer{k}" for k in range(20_000)]
    assert did_you_mean("layer1234x", names).startswith("did you mean 'layer1234")
    assert did_you_mean("xlayer7777", names) == "did you mean 'layer7777'?"
    assert did_you_mean("y" * 60_000, ["y" * 60_001]).startswith("there is 'yyy")
    assert did_you_mean("lif", ["lif1", "l" * 60_000]) == "did you mean 'lif1'?"
    assert max(map(len, compared)) <= errors.MOST_COMPARED
    assert all(len(name) <= errors.MOST_LETTERS for known in compared for name in known)


def test_a_warning_points_outside_all_installed_plugins(monkeypatch):
    point = EntryPoint("mine", "some_plugin.backend:BACKEND", "nirx.backends")
    monkeypatch.setattr(errors, "entry_points", lambda group: [point] * (group == point.group))
    monkeypatch.setattr(errors, "_own_packages", errors._own_packages.__wrapped__)
    plugin = {"__name__": "some_plugin.inner", "warn_caller": warn_caller}
    exec("def call(): warn_caller('odd')", plugin)
    with pytest.warns(nirx.NirxWarning, match="odd") as caught:
        plugin["call"]()
    assert [warning.filename for warning in caught] == [__file__]
