"""What of a network is trained, on torch: `requires_grad`, and how parameters are held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from nirx.basics.foreign_arrays import to_numpy
from nirx.execution.forms import Form
from nirx.execution.parameters import parameter_key
from nirx.execution.trainable import parameters_of
from nirx_torch.native import NativeNode
from nirx_torch.net import Net
from nirx_torch.parameters import held_parameters

__all__ = ["TorchParameters"]


class TorchParameters:
    """See `nirx.execution.trainable.NetParameters`."""

    def __init__(self, net: Net):
        self.net = net
        held = held_parameters(net)
        self.slots = {parameter_key(net.schedule, slot): slot for slot in held}
        self.held = {key: held[slot] for key, slot in self.slots.items()}

    def nodes(self) -> dict[str, str]:
        places = self.net.schedule.nodes
        return {key: places[position].name for key, (position, _) in self.slots.items()}

    def values(self) -> dict[str, np.ndarray]:
        native = (
            (position, module)
            for position, module in enumerate(self.net.modules_in_order)
            if isinstance(module, NativeNode)
        )
        return {
            parameter_key(self.net.schedule, (position, name)): to_numpy(value)
            for position, module in native
            for name, value in module.arrays().items()
        }

    def select(self, keys: Iterable[str], trained: bool, only: bool) -> list[str]:
        chosen = list(keys)
        if only:
            for parameter in self.net.parameters():
                parameter.requires_grad_(not trained)
        for key in chosen:
            self.held[key].requires_grad_(trained)
        return chosen

    def hold(self, held: Mapping[str, tuple[Form | None, np.ndarray]]) -> Net:
        for key, (form, raw) in held.items():
            position, name = self.slots[key]
            module = self.net.modules_in_order[position]
            assert isinstance(module, NativeNode), "values() has no others"
            module.hold(name, form, raw)
        return self.net


parameters_of.register(Net, TorchParameters)
