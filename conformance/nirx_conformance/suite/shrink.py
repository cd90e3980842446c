"""Shrinking: the smallest network found by Hypothesis on which a backend still fails."""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import nirx
from nirx.errors import UnsupportedError
from nirx.files.whole_file import whole_file, write_whole
from nirx_conformance.cases import FixedCase
from nirx_conformance.suite.judge import judge
from nirx_conformance.suite.outcome import Outcome, Result
from nirx_conformance.suite.random_graphs import case_named, fixed

__all__ = ["save_case", "shrink", "shrunk_failures"]

EXAMPLES = 400
BAD = (Outcome.FAIL, Outcome.ERROR)

SCRIPT = '''"""Reproduces a failure of {backend!r}: python show.py"""

from pathlib import Path

import numpy as np

import nirx
from nirx_conformance.cases import FixedCase
from nirx_conformance.suite.judge import judge

here = Path(__file__).parent
graph = nirx.read(here / "graph.nir")
arrays = dict(np.load(here / "input.npz"))
inputs = arrays if len(arrays) > 1 else next(iter(arrays.values()))
discretization = nirx.Discretization.from_json({discretization!r})
case = FixedCase({name!r}, graph, inputs, discretization, dtype={dtype!r})
result = judge(case, nirx.find_backend({backend!r}))
print(result.outcome, result.message)
'''


def shrink(case: FixedCase, backend: Any, seed: int = 0) -> FixedCase:
    """A small case on which the backend also fails.

    Arguments:
        case: a random one that fails; it is returned if nothing smaller is found.
        backend: has `name` and `prepare`.
        seed: of the search.

    **Raises**: `UnsupportedError` where Hypothesis is not installed.
    """
    try:
        from hypothesis import HealthCheck, Phase, errors, find, settings

        from nirx_conformance.strategies import cases
    except ImportError as error:
        raise UnsupportedError(f"shrinking needs hypothesis: {error}") from error

    def small(drawn: Any) -> FixedCase:
        return fixed(f"{case.name} shrunk", drawn, case.dtype)

    def fails(drawn: Any) -> bool:
        return judge(small(drawn), backend).outcome in BAD

    calm = settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.filter_too_much,
            HealthCheck.data_too_large,
        ],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return small(find(cases(), fails, settings=calm, random=random.Random(seed)))
        except errors.NoSuchExample:
            return case


def save_case(directory: Path, case: FixedCase, backend: str) -> Path:
    """Write graph.nir, input.npz and show.py into a folder named after the case.

    Returns: the folder.
    """
    folder = directory / re.sub(r"[^\w-]+", "-", f"{case.name}-{backend}").strip("-")
    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nirx.NirxWarning)  # random graphs are unusual
        nirx.write(folder / "graph.nir", case.graph, case.discretization)
    inputs = case.inputs if isinstance(case.inputs, dict) else {"input": case.inputs}
    with whole_file(str(folder / "input.npz")) as path, open(path, "wb") as stream:
        np.savez_compressed(stream, **inputs)
    script = SCRIPT.format(
        backend=backend,
        name=case.name,
        dtype=case.dtype,
        discretization=case.discretization.to_json(),
    )
    write_whole(folder / "show.py", script.encode())
    return folder


def shrunk_failures(results: Sequence[Result], directory: Path, limit: int = 3) -> list[Path]:
    """Shrink and save the first failing random graphs.

    Returns: the folders.
    """
    failed = [r for r in results if r.outcome in BAD and r.case.startswith("random ")]
    folders = []
    for result in failed[:limit]:
        case = shrink(case_named(result.case), nirx.find_backend(result.backend))
        folders.append(save_case(directory, case, result.backend))
    return folders
