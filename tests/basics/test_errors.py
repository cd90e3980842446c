"""Errors: one family, all faults together, helpful hints, and warnings at the right line."""

from __future__ import annotations

import pickle
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


def test_a_graph_error_pickles():
    error = nirx.GraphError([nirx.Fault("a", "b"), nirx.Fault("c", "d")])
    again = pickle.loads(pickle.dumps(error))
    assert (again.faults, str(again)) == (error.faults, str(error))


def test_a_hint_is_the_closest_name_or_a_list():
    assert did_you_mean("lif", ["lif1", "input"]) == "did you mean 'lif1'?"
    assert did_you_mean("xyz", ["b", "a"]) == "there is 'a', 'b'"
    assert did_you_mean("xyz", map(str, range(10))).endswith("and 2 more")
    assert did_you_mean("xyz", []) == ""


def test_a_warning_points_outside_all_installed_plugins(monkeypatch):
    point = EntryPoint("mine", "some_plugin.backend:BACKEND", "nirx.backends")
    monkeypatch.setattr(errors, "entry_points", lambda group: [point] * (group == point.group))
    monkeypatch.setattr(errors, "_own_packages", errors._own_packages.__wrapped__)
    plugin = {"__name__": "some_plugin.inner", "warn_caller": warn_caller}
    exec("def call(): warn_caller('odd')", plugin)
    with pytest.warns(nirx.NirxWarning, match="odd") as caught:
        plugin["call"]()
    assert [warning.filename for warning in caught] == [__file__]
