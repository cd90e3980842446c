"""`nirx.export_c`: a network as C99 with a test bench."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nirx.basics.printable import printable
from nirx.dynamics.discretization import Discretization
from nirx.errors import InputError
from nirx.execution.assemble import dtype_name, load
from nirx.files.reading import file_path
from nirx.files.whole_folder import check_folder, write_folder
from nirx.golden.bench import bench_text
from nirx.golden.build import build_model
from nirx.golden.names import model_name, require_name
from nirx.golden.source import header_text, source_text
from nirx.golden.texts import BUILT, makefile_text, readme_text
from nirx.golden.vectors import make_vectors
from nirx.inputs.choose import source_for
from nirx.inputs.generators import GENERATORS
from nirx.references.header import software

__all__ = ["INPUT", "STEPS", "GoldenModel", "export_c", "require_directory"]

INPUT, STEPS = "poisson:rate=0.2", 64
"""What the test bench runs unless told otherwise."""


@dataclass(frozen=True)
class GoldenModel:
    """A network that was written as C.

    Arguments:
        path: of the folder.
        name: of the header and prefix of its functions.
        numbers: `"integers"`, `"float32"` or `"float64"`.
        files: sizes in bytes, by name.
        nodes: of the network.
        steps, samples: of the test bench.
        compared: values that the test bench compares.
    """

    path: str
    name: str
    numbers: str
    files: Mapping[str, int]
    nodes: int
    steps: int
    samples: int
    compared: int

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {**vars(self), "files": dict(self.files)}

    def __str__(self) -> str:
        return (
            f"golden model: {printable(self.path)}\nfunctions: {self.name}_init, {self.name}_step\n"
            f"numbers: {self.numbers}\ntest bench: {self.samples:,} x {self.steps:,} steps, "
            f"{self.compared:,} values\ncheck it: make -C {printable(self.path)} test"
        )


def export_c(
    graph: Any,
    directory: str | os.PathLike[str],
    discretization: Discretization | None = None,
    *,
    dtype: str = "float32",
    name: str | None = None,
    data: Any = INPUT,
    steps: int | None = None,
    batch: int | None = None,
    seed: int = 0,
) -> GoldenModel:
    """Write a network as C99: a header, a source file, a test bench, a Makefile.

    With integers (`discretization.arithmetic`) it computes in int32_t and int64_t; else in
    floating point, with the bits of reproducible mode. docs/golden-model.md shows how to link it.

    Arguments:
        graph: a `nir.NIRGraph` or the path of a `.nir` file.
        directory: a new or empty folder, or one of an earlier export; it is written whole or not
            at all.
        discretization: None takes the graph's own, or the default with a warning.
        dtype: of floating point, `"float32"` or `"float64"`.
        name: prefix of the C names. Default: the name of the file, or `"model"`.
        data: input of the test bench, as in `nirx.reference`.
        steps: length; 64 for a generator.
        batch, seed: for generators.

    Returns: a `GoldenModel`.

    **Raises**: `UnsupportedError` for a node whose step is not elementwise; `GraphError`,
    `InputError`, `FileError`.
    """
    is_path = isinstance(graph, str | os.PathLike)
    stem = Path(file_path(graph)).stem if is_path else "model"
    own = model_name(stem) if name is None else require_name(name)
    target = Path(file_path(directory))
    require_directory(target, own, "directory")
    kind, loaded = dtype_name(dtype), load(graph)
    built = build_model(loaded, discretization, kind, own)
    whole = built.model.numbers.dtype is None
    kind = "float64" if whole else kind
    if steps is None and isinstance(data, str) and _generated(data):
        steps = STEPS
    source = source_for(
        built.model.schedule, data, kind, steps=steps, batch=batch, seed=seed, graph=loaded
    )
    if source.steps < 1:
        raise InputError("the input has no steps; there is nothing to compare")
    vectors = make_vectors(built, loaded, source, kind)
    own_version = software("numpy")["nirx"]
    origin = data if isinstance(data, str) else source.identity["kind"]
    texts = (
        header_text(built, own_version),
        source_text(built, own_version),
        bench_text(built, vectors, own_version),
        makefile_text(own, own_version),
        readme_text(built, vectors, own_version, origin),
    )
    files = {name: text.encode() for name, text in zip(_names(own), texts, strict=True)}
    write_folder(target, files, "directory", (*files, *BUILT))
    return GoldenModel(
        str(target),
        own,
        "integers" if whole else kind,
        {name: len(content) for name, content in files.items()},
        len(built.model.nodes),
        vectors.steps,
        vectors.samples,
        vectors.compared,
    )


def require_directory(path: Path, name: str, option: str) -> None:
    """Refuse, before the work, a folder that an export must not replace.

    Arguments:
        name: of the model.
        option: that names the folder, for the error.

    **Raises**: `InputError`, `FileError`.
    """
    check_folder(path, option, (*_names(require_name(name)), *BUILT))


def _names(name: str) -> tuple[str, ...]:
    return f"{name}.h", f"{name}.c", "test_bench.c", "Makefile", "README.txt"


def _generated(data: str) -> bool:
    return data.partition(":")[0].strip() in GENERATORS
