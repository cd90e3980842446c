"""Modules that hold the parameters of the nodes that nirx runs itself.

Where torch has a class for the same layer, the module is one of its subclasses, so that
code that looks for `torch.nn.Linear` or `torch.nn.Conv2d` finds it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from nirx.dynamics.base import Stateless
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.geometry import integer
from nirx.dynamics.node_types import find_type
from nirx.dynamics.surrogate_formulas import Surrogate
from nirx.errors import InputError
from nirx.execution.assemble import native_arrays
from nirx.execution.forms import Form
from nirx.execution.node_surrogates import surrogate_of_node
from nirx.execution.standalone import checked_node, step_alone
from nirx_torch.ops import TorchOps
from nirx_torch.sharded import is_sharded

__all__ = ["AvgPool2d", "Conv1d", "Conv2d", "Flatten", "Linear", "NativeNode", "SumPool2d"]

RAW = "raw_"
"""Before the name of a parameter that has a form: what torch holds and trains for it."""


class NativeNode(torch.nn.Module):
    """Holds a node's arrays as parameters, under NIR's names.

    In a network the executor runs its dynamics; called by itself it does one step:
    `y = node(x)`, or `y, state = node(x, state)` where the node has memory.

    Arguments:
        node: a NIR node; its arrays are copied.
        rule: the discretization of its steps.
        surrogate: gradient of its spikes when it is called by itself; None takes the one in the
            node's metadata, else superspike.
        detach_reset: whether gradients stop at the reset when it is called by itself.
    """

    def __init__(
        self,
        node: Any,
        rule: Discretization | None = None,
        surrogate: Surrogate | None = None,
        detach_reset: bool = False,
    ):
        torch.nn.Module.__init__(self)  # not super(): torch's layers have other arguments
        entry = find_type(type(checked_node(node)))
        assert entry is not None
        assert entry.dynamics is not None
        self.type_name = type(node).__name__
        self.node = node
        self.rule = Discretization() if rule is None else rule
        self.surrogate, self.detach_reset = surrogate, detach_reset
        arrays = native_arrays(entry.dynamics, node)
        names = entry.dynamics.parameter_names(node)
        self.names = tuple(name for name in names if name in arrays)
        self.forms: dict[str, Form] = {}
        for name in names:
            array = arrays.get(name)
            value = None if array is None else torch.nn.Parameter(torch.from_numpy(array))
            self.register_parameter(name, value)

    def arrays(self) -> dict[str, torch.Tensor]:
        """NIR's values of the parameters by name; absent ones are left out."""
        held = self._parameters
        # A name that is not held is of a form here, or of torch.nn.utils.parametrize.
        own = ((name, held[name] if name in held else getattr(self, name)) for name in self.names)
        return {name: value for name, value in own if value is not None}

    def held(self) -> dict[str, torch.nn.Parameter]:
        """What an optimizer trains, by NIR's names: the raw parameter where there is a form."""
        own = ((name, self._parameters.get(self._key(name))) for name in self.names)
        return {name: value for name, value in own if value is not None}

    def hold(self, name: str, form: Form | None, raw: np.ndarray) -> None:
        """Hold a parameter in a form (see `nirx.parametrize`), or as it is in NIR."""
        before, after = self._key(name), name if form is None else RAW + name
        old = self._parameters[before]
        assert old is not None, "an absent parameter has no value to hold"
        if is_sharded(old):
            raise InputError(
                f"{name} of a {self.type_name} is spread over processes; call nirx.parametrize "
                "before fully_shard"
            )
        new = torch.nn.Parameter(torch.from_numpy(np.array(raw)).to(old), old.requires_grad)
        forms = {key: own for key, own in self.forms.items() if key != name}
        self.forms = forms if form is None else {**forms, name: form}
        entries = list(self._parameters.items())
        self._parameters.clear()  # and again in the same order, which optimizers number
        self._parameters.update(
            (after, new) if key == before else (key, value) for key, value in entries
        )

    def _key(self, name: str) -> str:
        return RAW + name if name in self.forms else name

    def __getattr__(self, name: str) -> Any:
        form = self.__dict__.get("forms", {}).get(name)
        if form is None:
            return super().__getattr__(name)
        # Kernels read the memory of parameters, which a broadcast number does not fill.
        return form.value(torch, self._parameters[RAW + name]).contiguous()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__.get("forms", ()):
            raise InputError(
                f"{name} of a {self.type_name} is held as {self.forms[name]}; set its value with "
                "nirx_torch.load_parameters, or end that with nirx.parametrize(net, pattern)"
            )
        super().__setattr__(name, value)

    @property
    def has_memory(self) -> bool:
        """Whether a call gives (y, state) rather than y."""
        entry = find_type(type(self.node))
        assert entry is not None
        assert entry.dynamics is not None
        return not issubclass(entry.dynamics, Stateless)

    def forward(self, input: Any, state: Any = None) -> Any:
        """One step alone: the input is [*batch, *features]; returns y, or (y, state)."""
        x, arrays = input, self.arrays()
        first = next(iter(arrays.values()), None)
        if first is None:
            first = x if isinstance(x, torch.Tensor) and x.is_floating_point() else torch.zeros(0)
        surrogate = surrogate_of_node(self.node, self.type_name, self.surrogate)
        ops = TorchOps(first.dtype, first.device, surrogate, self.detach_reset)
        return step_alone(self.node, self.rule, ops, arrays, x, state)

    def extra_repr(self) -> str:
        shapes = (f"{name}={list(p.shape)}" for name, p in self.named_parameters())
        forms = (f"{name}: {form}" for name, form in self.forms.items())
        return ", ".join([self.type_name, *shapes, *forms])


class Linear(NativeNode, torch.nn.Linear):
    """Linear and Affine."""

    def __init__(self, node: Any, rule: Discretization | None = None):
        super().__init__(node, rule)
        self.out_features, self.in_features = self.weight.shape[-2:]


class Convolution(NativeNode):
    """The attributes of both convolutions under torch's names."""

    def __init__(self, node: Any, rule: Discretization | None = None):
        super().__init__(node, rule)
        weight: Any = self.weight
        axes = weight.ndim - 2
        self.groups = integer(node, "groups", 1)
        self.out_channels, self.in_channels = weight.shape[0], weight.shape[1] * self.groups
        self.kernel_size = tuple(weight.shape[2:])
        self.stride = _numbers(node.stride, axes)
        self.dilation = _numbers(node.dilation, axes)
        word = node.padding.decode() if isinstance(node.padding, bytes) else node.padding
        self.padding = word if isinstance(word, str) else _numbers(word, axes)
        self.transposed, self.output_padding, self.padding_mode = False, (0,) * axes, "zeros"

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: Any,
        unexpected_keys: Any,
        error_msgs: Any,
    ) -> None:
        # A convolution without bias is exported with a bias of zeros, because nir cannot write
        # None. A state_dict without bias therefore still loads.
        super()._load_from_state_dict(
            state_dict,
            prefix,
            local_metadata,
            strict,
            missing_keys,
            unexpected_keys,
            error_msgs,
        )
        key, bias = prefix + "bias", self._parameters["bias"]
        if key in missing_keys and bias is not None and not bias.any():
            missing_keys.remove(key)


class Conv1d(Convolution, torch.nn.Conv1d):
    """Conv1d."""


class Conv2d(Convolution, torch.nn.Conv2d):
    """Conv2d."""


class SumPool2d(NativeNode, torch.nn.LPPool2d):
    """SumPool2d, with padding, which LPPool2d lacks, and a gradient where the sum is 0."""

    def __init__(self, node: Any, rule: Discretization | None = None):
        super().__init__(node, rule)
        self.norm_type, self.ceil_mode = 1, False
        self.kernel_size = _as_given(node.kernel_size)
        self.stride, self.padding = _as_given(node.stride), _as_given(node.padding)


class AvgPool2d(NativeNode, torch.nn.AvgPool2d):
    """AvgPool2d."""

    def __init__(self, node: Any, rule: Discretization | None = None):
        super().__init__(node, rule)
        self.ceil_mode, self.count_include_pad, self.divisor_override = False, True, None
        self.kernel_size = _as_given(node.kernel_size)
        self.stride, self.padding = _as_given(node.stride), _as_given(node.padding)


class Flatten(NativeNode, torch.nn.Flatten):
    """Flatten; start_dim and end_dim count the axes of one sample, as NIR does."""

    def __init__(self, node: Any, rule: Discretization | None = None):
        super().__init__(node, rule)
        self.start_dim = integer(node, "start_dim", -32)
        self.end_dim = integer(node, "end_dim", -32)


def _numbers(value: Any, count: int) -> tuple[int, ...]:
    numbers = [int(n) for n in np.asarray(value).reshape(-1)]
    return tuple(numbers * count if len(numbers) == 1 else numbers)


def _as_given(value: Any) -> Any:
    array = np.asarray(value)
    return int(array) if array.ndim == 0 else tuple(int(n) for n in array)
