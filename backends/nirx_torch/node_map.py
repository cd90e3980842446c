"""NODE_MAP: the torch module of each NIR type."""

from __future__ import annotations

import nir

from nirx.basics.type_map import TypeMap
from nirx.dynamics.node_types import NATIVE_TYPES
from nirx_torch import native

__all__ = ["NODE_MAP"]

NODE_MAP = TypeMap(dict.fromkeys(NATIVE_TYPES, native.NativeNode))
"""NIR type -> module. `NODE_MAP.register` and `.override` change the default globally."""

for _type, _module in {
    nir.Affine: native.Linear,
    nir.Linear: native.Linear,
    nir.Conv1d: native.Conv1d,
    nir.Conv2d: native.Conv2d,
    nir.SumPool2d: native.SumPool2d,
    nir.AvgPool2d: native.AvgPool2d,
    nir.Flatten: native.Flatten,
}.items():
    NODE_MAP.override(_type, _module)
