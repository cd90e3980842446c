"""A small `.nir` file to damage, and what replaces a part of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import nirx
from support.graphs import chain, lif

__all__ = ["good_file", "replace_dataset"]


def good_file(path: Path) -> Path:
    """A file with texts, numbers and metadata; its LIF "n" has three neurons."""
    node = lif(3, dtype=np.float32, metadata={"a": "text", "b": np.arange(3)})
    graph = chain({"n": node}, 3)
    graph.metadata = {"k": "v"}
    nirx.write(path, graph)
    return path


def replace_dataset(file: Any, name: str, **options: Any) -> None:
    """Put a dataset with other options in the place of one."""
    del file[name]
    file.create_dataset(name, **options)
