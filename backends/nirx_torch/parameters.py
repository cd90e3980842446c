"""Read and set the parameters of a network by NIR's names, as NumPy arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from nirx.errors import InputError
from nirx.execution.parameters import Slot, fitted_parameters, parameter_key
from nirx_torch.module_map import array
from nirx_torch.net import Net

__all__ = ["load_parameters", "parameters_to_numpy"]


def parameters_to_numpy(net: torch.nn.Module) -> dict[str, np.ndarray]:
    """Copies of all parameters, as `nirx_jax.load_parameters` (and this one) takes them.

    Arguments:
        net: of `from_nir` or `nir_to_torch`.

    Returns: {"fc.weight": array, "layer/lif.tau": array, ...}; nodes that share a module
    have one entry each.
    """
    net = _network(net)
    own = _parameters(net)
    values = {parameter_key(net.schedule, slot): array(p) for slot, p in own.items()}
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
    net = _network(net)
    own = _parameters(net)
    arrays, unplaced = fitted_parameters(net.schedule, net.origin.node, own, values, strict)
    with torch.no_grad():
        for slot, value in arrays.items():
            own[slot].copy_(torch.from_numpy(np.array(value)))
    return unplaced


def _network(net: torch.nn.Module) -> Net:
    if not isinstance(net, Net):
        raise InputError(f"a {type(net).__name__} did not come from NIR; expected a nirx_torch.Net")
    return net


def _parameters(net: Net) -> dict[Slot, torch.nn.Parameter]:
    modules = enumerate(net.modules_in_order)
    return {(position, name): p for position, m in modules for name, p in m.named_parameters()}
