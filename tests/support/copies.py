"""Copies of torch modules, by each way that users have."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch

__all__ = ["COPIES"]


def _saved(module: Any) -> Any:
    stream = io.BytesIO()
    torch.save(module, stream)
    stream.seek(0)
    return torch.load(stream, weights_only=False)


COPIES: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "pickle": lambda module: pickle.loads(pickle.dumps(module)),
        "deepcopy": copy.deepcopy,
        "torch.save": _saved,
    }
)
