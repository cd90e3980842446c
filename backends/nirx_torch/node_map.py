"""Which module holds which NIR type in torch."""

from __future__ import annotations

from typing import Any

import torch

from nirx.assemble import native_arrays
from nirx.errors import UnsupportedError
from nirx.node_map import NodeMap
from nirx.node_types import NATIVE_TYPES, find_type

__all__ = ["NODE_MAP", "NativeNode"]


class NativeNode(torch.nn.Module):
    """Holds a node's arrays as parameters, under NIR's names; the executor runs its dynamics."""

    def __init__(self, node: Any):
        super().__init__()
        self.type_name = type(node).__name__
        entry = find_type(type(node))
        if entry is None or entry.dynamics is None:
            raise UnsupportedError(f"{self.type_name} has no dynamics; give it a node_map entry")
        arrays = native_arrays(entry.dynamics, node)
        for name in entry.dynamics.parameters:
            array = arrays.get(name)
            value = None if array is None else torch.nn.Parameter(torch.from_numpy(array))
            self.register_parameter(name, value)

    def arrays(self) -> dict[str, torch.Tensor]:
        """The parameters by name; absent ones are left out."""
        own = ((name, getattr(self, name)) for name in self._parameters)
        return {name: value for name, value in own if value is not None}

    def extra_repr(self) -> str:
        shapes = (f"{name}={list(p.shape)}" for name, p in self.named_parameters())
        return ", ".join([self.type_name, *shapes])


NODE_MAP = NodeMap()
"""NIR type -> module. `NODE_MAP.register` and `.override` change the default for everybody."""

for _type in NATIVE_TYPES:
    NODE_MAP.register(_type, NativeNode)
