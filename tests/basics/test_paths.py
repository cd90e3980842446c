"""Paths and their text: one path, one text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirx.basics.paths import format_path, parse_path

NAMES = st.text(st.characters(exclude_categories=()), min_size=1, max_size=6)
TRICKY = st.text("/~01.a", min_size=1, max_size=5)
PATHS = st.lists(NAMES | TRICKY, min_size=1, max_size=4).map(tuple)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("a",), "a"),
        (("a", "b"), "a/b"),
        (("a/b",), "a~1b"),
        (("a~b",), "a~0b"),
        (("~1",), "~01"),
        (("~0", "/"), "~00/~1"),
        (("a.b", "."), "a.b/."),
        (("\0", "é"), "\0/é"),
    ],
)
def test_paths_and_texts_of_named_examples(path, text):
    assert format_path(path) == text
    assert parse_path(text) == path


@pytest.mark.slow
@given(PATHS)
@settings(max_examples=300, deadline=None)
def test_every_path_survives_as_text(path):
    assert parse_path(format_path(path)) == path


@given(PATHS, PATHS)
@settings(max_examples=300, deadline=None)
def test_different_paths_have_different_texts(a, b):
    assert (format_path(a) == format_path(b)) == (a == b)


@given(st.lists(PATHS))
@settings(max_examples=100, deadline=None)
def test_paths_sort_by_code_point_name_by_name(paths):
    expected = sorted(paths, key=lambda path: [[ord(c) for c in name] for name in path])
    assert sorted(paths) == expected
