"""Read and set the parameters of a network by NIR's names, as NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from nirx.errors import InputError
from nirx.execution.forms import Form
from nirx.execution.parameters import Slot, fitted_parameters, parameter_key
from nirx_torch.module_map import array
from nirx_torch.native import NativeNode
from nirx_torch.net import Net
from nirx_torch.sharded import like

__all__ = [
    "form_of",
    "held_parameters",
    "load_parameters",
    "parameters_to_numpy",
    "require_network",
]


def parameters_to_numpy(net: torch.nn.Module) -> dict[str, np.ndarray]:
    """Copies of all parameters, as `nirx_jax.load_parameters` (and this one) takes them.

    Arguments:
        net: of `from_nir` or `nir_to_torch`.

    Returns: {"fc.weight": array, "layer/lif.tau": array, ...}; nodes that share a module
    have one entry each.
    """
    net = require_network(net)
    values = {parameter_key(net.schedule, slot): array(p) for slot, p in _values(net).items()}
    return {key: value for key, value in values.items() if value is not None}


def load_parameters(
    net: torch.nn.Module, values: Mapping[str, Any], strict: bool = True
) -> list[str]:
    """Set parameters, in place.

    Arguments:
        net: of `from_nir` or `nir_to_torch`.
        values: what `parameters_to_numpy` of any backend returned, or the state_dict of the module
            that the network's graph was exported from. Other parameters keep their values.
        strict: raise for keys that match no parameter; otherwise they are returned.

    Returns: the keys that match no parameter.

    **Raises**: `InputError` that names the keys that match no parameter or have a wrong shape;
    then nothing is changed.
    """
    net = require_network(net)
    own = held_parameters(net)
    arrays, unplaced = fitted_parameters(
        net.schedule, net.origin.node, _values(net), values, strict
    )
    for slot, value in arrays.items():
        form = form_of(net, slot)
        if form is not None:
            arrays[slot] = form.raw(parameter_key(net.schedule, slot), value)
    with torch.no_grad():
        for slot, value in arrays.items():
            own[slot].copy_(like(torch.from_numpy(np.array(value)), own[slot]))
    return unplaced


def require_network(net: torch.nn.Module) -> Net:
    """The network itself. **Raises** `InputError` for anything else."""
    if not isinstance(net, Net):
        raise InputError(f"a {type(net).__name__} did not come from NIR; expected a nirx_torch.Net")
    return net


def held_parameters(net: Net) -> dict[Slot, torch.nn.Parameter]:
    """What an optimizer trains: the raw parameter where there is a form."""
    return _by_slot(net, NativeNode.held)


def form_of(net: Net, slot: Slot) -> Form | None:
    """The form in which a parameter is held; None for most."""
    module = net.modules_in_order[slot[0]]
    return module.forms.get(slot[1]) if isinstance(module, NativeNode) else None


def _values(net: Net) -> dict[Slot, torch.Tensor]:
    """NIR's values, and the parameters of users' modules."""
    return _by_slot(net, NativeNode.arrays)


def _by_slot(net: Net, of_native: Callable[[NativeNode], dict[str, Any]]) -> dict[Slot, Any]:
    return {
        (position, name): value
        for position, m in enumerate(net.modules_in_order)
        for name, value in (
            of_native(m).items() if isinstance(m, NativeNode) else m.named_parameters()
        )
    }
