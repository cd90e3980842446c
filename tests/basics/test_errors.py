"""Errors: one family, faults together, and hints that help."""

from __future__ import annotations

import pickle

import pytest

import nirx
from nirx.errors import did_you_mean


@pytest.mark.parametrize(
    "kind", [nirx.GraphError, nirx.InputError, nirx.FileError, nirx.UnsupportedError]
)
def test_all_errors_are_of_one_family(kind):
    assert issubclass(kind, nirx.NirxError)


def test_one_fault_is_one_line_and_several_are_a_list():
    one = nirx.Fault("a/b", "is wrong", "right", "mend it")
    assert str(nirx.GraphError([one])) == "a/b: is wrong; expected right; mend it"
    text = str(nirx.GraphError([one, nirx.Fault("c", "too")]))
    assert text.splitlines() == ["2 faults in the graph:", f"  - {one}", "  - c: too"]


def test_a_graph_error_pickles():
    error = nirx.GraphError([nirx.Fault("a", "b"), nirx.Fault("c", "d")])
    again = pickle.loads(pickle.dumps(error))
    assert (again.faults, str(again)) == (error.faults, str(error))


def test_hints():
    assert did_you_mean("lif", ["lif1", "input"]) == "did you mean 'lif1'?"
    assert did_you_mean("xyz", ["b", "a"]) == "there is 'a', 'b'"
    assert did_you_mean("xyz", map(str, range(10))).endswith("and 2 more")
    assert did_you_mean("xyz", []) == ""
