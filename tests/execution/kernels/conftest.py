"""Kernels of these tests are cached in a folder of their own, which parallel workers share."""

import os

import pytest

from nirx.execution.kernels.compiled import FOLDER_VARIABLE


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # a worker has a folder of its own in it
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(base / "kernel-cache"))
        yield
