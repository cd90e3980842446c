"""Gradients of a network as NumPy arrays, by autograd."""

from __future__ import annotations

from typing import Any

import torch

from nirx.execution.cotangents import inputs_by_name, weighted
from nirx.execution.parameters import parameter_key
from nirx.graphs.state import map_tree, state_to_numpy
from nirx_torch.net import Net
from nirx_torch.state import state_from_numpy

__all__ = ["array_gradients"]


def array_gradients(net: Net, inputs: Any, cotangents: Any, state: Any) -> tuple[Any, Any, Any]:
    """See `nirx.execution.backend.PreparedGradients`."""

    def leaf(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(net.dtype).requires_grad_()

    own = {
        parameter_key(net.schedule, (position, name)): parameter
        for position, module in enumerate(net.modules_in_order)
        for name, parameter in module.named_parameters()
    }
    given = state_from_numpy((inputs_by_name(net.schedule, inputs), state))
    xs, start = map_tree(leaf, given)
    leaves: list[torch.Tensor] = []
    map_tree(leaves.append, (xs, start))
    with torch.enable_grad():
        found = net.run(xs, start, list(cotangents[2] or ()))
        loss = torch.zeros((), dtype=net.dtype)
        for value, weight in weighted(found, tuple(cotangents)):
            loss = loss + (value * torch.from_numpy(weight)).sum()
    wanted = [*own.values(), *leaves]
    if loss.requires_grad:
        gradients = torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True)
    else:
        gradients = tuple(map(torch.zeros_like, wanted))
    rest = iter(map(state_to_numpy, gradients))
    parameters = {key: next(rest) for key in own}
    return parameters, *map_tree(lambda _: next(rest), (xs, start))
