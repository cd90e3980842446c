"""Kernels of these tests are cached in a folder of their own."""

import pytest

from nirx.execution.kernels.compiled import FOLDER_VARIABLE


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(tmp_path_factory.mktemp("kernels")))
        yield
