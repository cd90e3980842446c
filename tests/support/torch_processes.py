"""Training on one or several processes: `python -m support.torch_processes how rank size store`.

Rank 0 saves what it found in `<store>.<how>.npz`: the gradient and the parameters at the end.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np
import torch
from torch import distributed
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.nn.parallel import DistributedDataParallel

import nirx
import nirx_torch
from support.spread_graphs import RULE, convolutional, driven, looped

__all__ = ["NETWORKS", "Runs", "main"]

STEPS = 20


def _built(graph: Any, **options: Any) -> Any:
    return nirx_torch.from_nir(graph, RULE, "float64", **options)


def _frozen() -> Any:
    net = _built(looped())
    nirx.trainable(net, "fc*")
    return net


def _parametrized() -> Any:
    net = _built(looped())
    return nirx.parametrize(net, "*.tau", positive="softplus", minimum=1e-3)


NETWORKS = {
    "fused": lambda: _built(looped(), execution="fused"),
    "plain": lambda: _built(looped(), execution="plain"),
    "reproducible": lambda: _built(looped(), reproducible=True),
    "convolutional": lambda: _built(convolutional()),
    "trainable": _frozen,
    "parametrize": _parametrized,
}


class Runs(torch.nn.Module):
    """A network whose forward is a run, as wrappers of modules expect."""

    def __init__(self, net: Any):
        super().__init__()
        self.net = net

    def forward(self, xs: torch.Tensor) -> torch.Tensor:
        return self.net.run(xs)[0]


def _wrapped(net: Any, how: str) -> Any:
    if how == "ddp":
        return DistributedDataParallel(Runs(net))
    if how == "fsdp":
        return fully_shard(Runs(net))
    if how == "fsdp-run":
        fully_shard(net)
        register_fsdp_forward_method(net, "run")
        return lambda xs: net.run(xs)[0]
    return Runs(net)


def _whole(tensor: torch.Tensor) -> np.ndarray:
    return nirx.state_to_numpy(tensor.detach())


def train(name: str, how: str, rank: int, size: int) -> dict[str, np.ndarray]:
    """The first gradient, and the parameters after 20 steps."""
    net = NETWORKS[name]()
    model = _wrapped(net, how)
    xs = driven(net.origin.node, 40).astype("f8")
    part = xs.shape[1] // size
    own = torch.from_numpy(np.ascontiguousarray(xs[:, rank * part : (rank + 1) * part]))
    trained = {key: p for key, p in net.named_parameters() if p.requires_grad}
    optimizer = torch.optim.Adam(trained.values(), lr=1e-3)
    found = {}
    for step in range(STEPS):
        optimizer.zero_grad()
        (model(own) ** 2).mean().backward()
        if step == 0:
            found = {f"{name} gradient {key}": _whole(p.grad) for key, p in trained.items()}
        optimizer.step()
    last = nirx_torch.parameters_to_numpy(net)
    graph = nirx_torch.to_nir(net)
    assert np.array_equal(graph.nodes["fc"].weight, last["fc.weight"])
    nirx_torch.load_parameters(net, last)
    assert nirx.digest(nirx_torch.parameters_to_numpy(net)) == nirx.digest(last)
    return {**found, **{f"{name} last {key}": value for key, value in last.items()}}


def main(how: str, rank: int, size: int, store: str) -> None:
    torch.set_num_threads(1)
    if size > 1:
        distributed.init_process_group("gloo", f"file://{store}", rank=rank, world_size=size)
    found: dict[str, Any] = {}
    for name in NETWORKS:
        found.update(train(name, how, rank, size))
    if rank == 0:
        np.savez(f"{store}.{how}.npz", **found)
    if size > 1:
        distributed.barrier()  # nobody leaves while another one is still in a collective
        distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    # What was to be shown is saved. The networks keep the group of processes alive beyond its
    # destruction, so that its threads would still run while Python ends: CI saw one end a process
    # with "terminate called without an active exception". Nothing is torn down here.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
