"""Machine code on disk: found by the next process, never trusted, never required."""

import os
import stat
import subprocess
import sys

import numpy as np
import pytest

from nirx.execution.kernels import compiled
from nirx.execution.kernels.compiled import FOLDER_VARIABLE, cache_folder, compile_kernel

SOURCE = "def kernel(a):\n    for i in range(a.shape[0]):\n        a[i] += {}\n"
TYPES = ("float32[::1]",)


def run(number):
    compile_kernel.cache_clear()
    a = np.zeros(3, "f4")
    compile_kernel(SOURCE.format(number), TYPES)(a)
    return a.tolist()


def files(folder, suffix):
    return sorted(p for p in folder.rglob(f"*{suffix}"))


def test_the_next_process_finds_the_code(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert run(1) == [1, 1, 1]
    (code,) = files(tmp_path, ".nbc")
    before = code.stat()
    program = (
        "import numpy as np\n"
        "from nirx.execution.kernels.compiled import compile_kernel\n"
        f"kernel = compile_kernel({SOURCE.format(1)!r}, {TYPES!r})\n"
        "a = np.zeros(3, 'f4'); kernel(a)\n"
        "print(a.tolist(), sum(kernel.stats.cache_hits.values()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[1.0, 1.0, 1.0] 1\n", done.stderr
    after = files(tmp_path, ".nbc")
    assert [(p, p.stat().st_mtime_ns) for p in after] == [(code, before.st_mtime_ns)]


def test_the_folder_is_the_users_own(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "new"))
    run(2)
    assert stat.S_IMODE(os.stat(cache_folder()).st_mode) == 0o700


@pytest.mark.parametrize("suffix", [".nbc", ".nbi", ".py"])
def test_a_damaged_file_is_made_anew(suffix, tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    run(3)
    for path in files(tmp_path, suffix):
        path.write_bytes(b"def kernel(a):\n    a[:] = 99\n")
    assert run(3) == [3, 3, 3]


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv(FOLDER_VARIABLE, str(blocked))
    monkeypatch.setattr(compiled, "_temporary_folder", lambda: blocked / "too")
    assert run(4) == [4, 4, 4]


def test_a_folder_that_others_can_write_to_is_not_used(tmp_path, monkeypatch):
    """What numba finds in its cache is run, so it must be the user's own."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    cache_folder().mkdir()
    cache_folder().chmod(0o777)
    assert run(5) == [5, 5, 5]
    assert not files(tmp_path, ".py")
