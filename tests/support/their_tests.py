"""The libraries' own NIR tests, from their sdists (or checkouts), run in a process of their own.

Nothing of them is kept here: `obtain` has pip download the sdist, and copies the test files.
`NIRX_CHECKOUTS` names a folder of checkouts (`<folder>/snntorch/tests/test_nir.py`) for
libraries whose sdist has no tests.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

__all__ = ["SUITES", "Suite", "obtain", "run"]


@dataclass(frozen=True)
class Suite:
    """The NIR tests of a library.

    Arguments:
        library: its name on PyPI.
        tests: the test files, by their paths in the repository.
        data: files that the tests open, by paths relative to the repository.
        in_sdist: whether the sdist has them.
    """

    library: str
    tests: tuple[str, ...]
    data: tuple[str, ...] = ()
    in_sdist: bool = True


NORSE = "norse/torch/utils/test/"
ROCKPOOL = "tests/tests_default/"
SUITES = (
    Suite(
        "norse",
        (f"{NORSE}test_nir_export.py", f"{NORSE}test_nir_import.py"),
        (f"{NORSE}braille.nir",),
    ),
    Suite("sinabs", ("tests/test_nir.py",)),
    Suite("snntorch", ("tests/test_nir.py",), ("tests/lif.nir",), in_sdist=False),
    Suite("rockpool", (f"{ROCKPOOL}test_nir.py",), (f"{ROCKPOOL}nir_graphs/braille.nir",), False),
)

INSTALL = "import nirx_torch\nnirx_torch.install_as_nirtorch()\n"
"""A plugin of pytest, imported before any test."""


def obtain(suite: Suite, folder: Path) -> str | None:
    """Put a library's tests into an empty folder; returns why not, or None."""
    checkouts = os.environ.get("NIRX_CHECKOUTS")
    root = Path(checkouts) / suite.library if checkouts else None
    if root is None or not root.is_dir():
        if not suite.in_sdist:
            return f"the sdist of {suite.library} has no tests; set NIRX_CHECKOUTS"
        root = _sdist(suite.library, folder / "sdist")
        if root is None:
            return f"pip cannot download the sdist of {suite.library}"
    for path in suite.tests:
        shutil.copy(root / path, folder / Path(path).name)  # flat: no package of that name here
    for path in suite.data:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / path, folder / path)
    (folder / "nirx_as_nirtorch.py").write_text(INSTALL)
    return None


def _sdist(library: str, folder: Path) -> Path | None:
    wanted = f"{library}=={version(library)}"
    # The build tools of an sdist may come as wheels.
    options = ["--no-deps", "--no-binary", library, "--quiet", "--dest", str(folder)]
    command = [sys.executable, "-m", "pip", "download", *options, wanted]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None
    found = sorted(folder.glob("*.tar.gz"))
    if not found:
        return None
    with tarfile.open(found[0]) as archive:
        archive.extractall(folder, filter="data")
    return next(path for path in sorted(folder.iterdir()) if path.is_dir())


def run(suite: Suite, folder: Path, with_nirx: bool) -> dict[str, str]:
    """Outcome ("PASSED", "FAILED", "XFAIL", "ERROR", ...) of each test, by its name."""
    plugin = ["-p", "nirx_as_nirtorch"] if with_nirx else []
    files = [Path(path).name for path in suite.tests]
    options = ["-v", "-p", "no:cacheprovider", "--import-mode=importlib", "--rootdir", "."]
    command = [sys.executable, "-m", "pytest", *options, *plugin, *files]
    paths = [str(folder), *filter(None, sys.path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600
    )
    found = re.findall(r"^(\S+::\S+) ([A-Z]+)", done.stdout, re.MULTILINE)
    assert found, done.stdout + done.stderr
    return dict(found)
