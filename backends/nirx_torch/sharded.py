"""Parameters that FSDP2 (`torch.distributed.fsdp.fully_shard`) spreads over processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from nirx.errors import InputError

__all__ = ["is_sharded", "like", "require_whole"]


def is_sharded(tensor: torch.Tensor) -> bool:
    """Whether this process has a part of it only: a `DTensor`, whose import would cost a second."""
    return hasattr(tensor, "full_tensor")


def like(value: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
    """A whole value spread as a parameter is."""
    if not is_sharded(parameter):
        return value
    from torch.distributed.tensor import distribute_tensor

    held: Any = parameter
    return distribute_tensor(value.to(held), held.device_mesh, held.placements)


def require_whole(name: str, arrays: Mapping[str, torch.Tensor]) -> None:
    """**Raises** `InputError` where a node's parameters are in parts during a call."""
    for key, value in arrays.items():
        if is_sharded(value):
            raise InputError(
                f"{name!r}: this process has a part of {key} only; give the network, or a module "
                "that runs it in its forward, to fully_shard as a whole, and for net.run call "
                "torch.distributed.fsdp.register_fsdp_forward_method(net, 'run')"
            )
