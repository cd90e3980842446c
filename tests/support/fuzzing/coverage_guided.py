"""The bytes of `.nir` files under atheris, which looks for those that reach new code of nirx.

Not a part of `make fuzz`: atheris is no dependency. With it in the environment and `tests` in
PYTHONPATH, `python -m support.fuzzing.coverage_guided -timeout=5 -rss_limit_mb=1024`, with the
options of libFuzzer and, as an option, a folder that keeps what it found.
"""

from __future__ import annotations

import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

atheris: Any = import_module("atheris")  # no dependency: not everyone who checks types has it

with atheris.instrument_imports(include=["nirx"]):
    from support.fuzzing.graph_kinds import GRAPH_KINDS, graph_files
    from support.fuzzing.outcome import ACCEPTED, REFUSED, Wrong, outcome

USE = next(kind.use for kind in GRAPH_KINDS if kind.name == "nir-bytes")


def main() -> None:
    """Run until something is wrong, or as libFuzzer's options say."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seeds = folder / "seeds"
        seeds.mkdir()
        for number, data in enumerate(graph_files()):
            (seeds / f"{number}.nir").write_bytes(data)

        def use(data: bytes) -> None:
            path = folder / "x.nir"
            path.write_bytes(data)
            what, trace = outcome(USE, path)
            if what not in (ACCEPTED, REFUSED):
                raise Wrong(f"{what}\n{trace}")

        # New finds go into the first folder: the caller's, if there is one.
        atheris.Setup([*sys.argv, str(seeds)], use)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
