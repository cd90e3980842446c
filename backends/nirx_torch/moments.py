"""The moments of torch's optimizers under NIR's names, to go on training on another backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from nirx.errors import InputError, UnsupportedError
from nirx.execution.moments import Held, Moments, fitted_moments, moment_entry
from nirx.execution.parameters import parameter_key
from nirx_torch.parameters import form_of, held_parameters, require_network

__all__ = ["get_moments", "set_moments"]

ADAM = {"step": "step", "exp_avg": "first", "exp_avg_sq": "second"}
MOMENTUM = {"momentum_buffer": "first"}


def get_moments(net: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Moments:
    """What an optimizer remembers about the parameters of a network.

    Arguments:
        net: of `from_nir` or `nir_to_torch`.
        optimizer: Adam, AdamW, or SGD with momentum; it may train other parameters too.

    Returns: {"fc.weight": {"step": n, "first": array, "second": array}, ...} of NumPy arrays, for
    `set_moments` of any backend; SGD has "first" only. Parameters that never had a gradient are
    left out. A parametrized one has the moments of its raw array.

    **Raises**: `UnsupportedError` for an optimizer that remembers something else.
    """
    net = require_network(net)
    moments = {}
    for slot, parameter in held_parameters(net).items():
        state = {k: v for k, v in optimizer.state.get(parameter, {}).items() if v is not None}
        if state:
            names = _names(optimizer)
            if state.keys() != names.keys():
                raise _unsupported(optimizer, f"; it remembers {', '.join(map(str, state))}")
            named = {names[key]: value for key, value in state.items()}
            moments[parameter_key(net.schedule, slot)] = moment_entry(named, form_of(net, slot))
    return moments


def set_moments(
    net: torch.nn.Module, optimizer: torch.optim.Optimizer, moments: Mapping[str, Any]
) -> None:
    """Let an optimizer go on from moments, in place.

    Arguments:
        net: of `from_nir` or `nir_to_torch`.
        optimizer: of the network's parameters, with the same settings as where the moments come
            from.
        moments: what `get_moments` of any backend returned. Other parameters keep theirs.

    **Raises**: `InputError` for moments that do not fit; then nothing is changed.
    `UnsupportedError` for an optimizer that remembers something else.
    """
    net = require_network(net)
    names = _names(optimizer)
    numbers = {id(p): n for n, p in enumerate(_trained(optimizer))}
    own: dict[str, torch.nn.Parameter] = {}
    held: dict[str, Held] = {}
    for slot, parameter in held_parameters(net).items():
        if id(parameter) in numbers:
            key = parameter_key(net.schedule, slot)
            own[key] = parameter
            held[key] = Held(tuple(parameter.shape), form_of(net, slot), tuple(names.values()))
    if not held:
        raise InputError("the optimizer trains no parameter of this network")
    fitted = fitted_moments(moments, held)
    saved = optimizer.state_dict()
    state = dict(saved["state"])
    for key, entry in fitted.items():
        parameter = own[key]
        # torch.optim keeps the number of steps in float32, on the CPU unless it is told otherwise.
        state[numbers[id(parameter)]] = {
            theirs: torch.tensor(
                entry[ours], dtype=torch.float32 if ours == "step" else parameter.dtype
            )
            for theirs, ours in names.items()
        }
    optimizer.load_state_dict({**saved, "state": state})  # it moves them to the right device


def _names(optimizer: torch.optim.Optimizer) -> dict[str, str]:
    """torch's names of what an optimizer remembers, and nirx's."""
    groups = optimizer.param_groups
    if isinstance(optimizer, (torch.optim.Adam, torch.optim.AdamW)):
        if not any(group["amsgrad"] for group in groups):
            return ADAM
    elif isinstance(optimizer, torch.optim.SGD) and all(group["momentum"] for group in groups):
        return MOMENTUM
    raise _unsupported(optimizer)


def _unsupported(optimizer: torch.optim.Optimizer, why: str = "") -> UnsupportedError:
    return UnsupportedError(
        f"the moments of this {type(optimizer).__name__} have no counterpart on other backends"
        f"{why}; expected Adam or AdamW without amsgrad, or SGD with momentum"
    )


def _trained(optimizer: torch.optim.Optimizer) -> list[torch.nn.Parameter]:
    return [p for group in optimizer.param_groups for p in group["params"]]
