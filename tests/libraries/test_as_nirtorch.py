"""Each library's own NIR tests pass with nirx as nirtorch wherever they pass with nirtorch."""

from __future__ import annotations

import pytest

from support.their_tests import SUITES, obtain, run

pytest.importorskip("nirtorch", reason="nirtorch is installed by `make libraries` only")


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.library)
def test_the_librarys_own_tests(suite, tmp_path):
    pytest.importorskip(suite.library)
    missing = obtain(suite, tmp_path)
    if missing:
        pytest.skip(missing)
    before = run(suite, tmp_path, with_nirx=False)
    after = run(suite, tmp_path, with_nirx=True)
    passed = [name for name, outcome in before.items() if outcome == "PASSED"]
    assert passed
    lost = {name: after.get(name) for name in passed if after.get(name) != "PASSED"}
    count = sum(outcome == "PASSED" for outcome in after.values())
    print(f"{suite.library}: {len(before)} tests, {len(passed)} with nirtorch, {count} with nirx")
    assert not lost
