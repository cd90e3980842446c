"""Running a torch model as its library runs it, recording the output of every module."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from nirx.basics.foreign_arrays import to_numpy
from nirx.errors import InputError
from nirx_torch.bridges.freshness import (
    model_errors,
    possible_state,
    require_fresh,
    tensors_in,
)
from nirx_torch.held_values import held_values
from nirx_torch.over_time import loop_axis, repeats_its_input
from nirx_torch.trace import OPTIONS

__all__ = ["OUTPUT", "run_steps", "run_whole"]

OUTPUT = "output"
"""Key of the output of the model itself: the name of a graph's only Output."""

Prepare = Callable[[torch.nn.Module], Any]


def run_steps(
    model: torch.nn.Module,
    xs: np.ndarray,
    dtype: str,
    reset: Prepare | None = None,
    neurons: tuple[type, ...] = (),
) -> dict[str, np.ndarray]:
    """Call a model once per step: x -> y, (x, state) -> (y, state), or (x, a, b) -> (y, a, b).

    States are None before the first step. A model that was exported as a loop over time is called
    once, with all steps.

    Arguments:
        xs: [time, *batch, *features].
        dtype: the model's copy is cast to it.
        reset: puts the copy into its fresh state, where the library keeps state in modules.
        neurons: types of these modules.

    Returns: [time, *batch, *features] for the model and each of its modules that returned one
    tensor (or a tensor first) in every step.

    **Raises**: `InputError` where the model itself raises, holds state of an earlier run, or was
    exported as a loop that takes the same input in every step.
    """
    plain = getattr(model, "_orig_mod", model)  # what torch.compile was given
    axis = loop_axis(plain)
    if repeats_its_input(plain):
        raise InputError(
            f"{type(plain).__name__}.forward takes the same input in each of its time steps, so "
            "it cannot run on input that changes from step to step; export it "
            "(nirx_torch.torch_to_nir) and use the graph"
        )
    own = _copy(plain, dtype)
    if reset is not None:
        reset(own)
    if axis is not None:
        return _run_loop(own, xs, dtype, axis)
    before = possible_state(own, neurons)
    rows: dict[str, list[torch.Tensor]] = {}
    names, needed = _state_arguments(own)
    states: list[Any] = [None] * len(needed)
    given = needed
    with torch.no_grad(), _Taps(own, rows, getattr(torch, dtype)):
        for step, x in enumerate(torch.from_numpy(np.array(xs, dtype))):
            with model_errors(own, needed, before):
                result = own(x, **dict(zip(given, states, strict=True)))
            if not step:
                given = _returned(names, needed, result)
                require_fresh(own, before)
            if given:
                result, *states = result
            _put(rows, OUTPUT, result)
    steps = len(xs)
    return {k: to_numpy(torch.stack(v)) for k, v in rows.items() if len(v) == steps}


def _run_loop(own: torch.nn.Module, xs: np.ndarray, dtype: str, axis: int) -> dict[str, np.ndarray]:
    """Call a model whose forward loops over time, and with it its modules once per step.

    Arguments:
        own: a copy, in its fresh state.
        axis: where time is in its input.
    """
    steps, batch = xs.shape[:2]
    if steps == batch:  # another sample tells the axes of the output apart
        xs = np.concatenate([xs, xs[:, :1]], axis=1)
    rows: dict[str, list[torch.Tensor]] = {}
    given = torch.from_numpy(np.array(xs, dtype)).movedim(0, axis)
    with torch.no_grad(), _Taps(own, rows, getattr(torch, dtype)), model_errors(own, [], {}):
        y = own(given)
    while isinstance(y, tuple):  # with membrane potentials, or states
        y = y[0]
    y = torch.stack(y) if isinstance(y, list) else y
    y = y if len(y) == steps else y.movedim(1, 0)
    each = {k: torch.stack(v) for k, v in rows.items() if len(v) == steps}
    return {k: to_numpy(v[:, :batch]) for k, v in (each | {OUTPUT: y}).items()}


def run_whole(
    model: torch.nn.Module,
    xs: np.ndarray,
    dtype: str,
    reset: Prepare | None = None,
    time_axis: int = 0,
) -> dict[str, np.ndarray]:
    """Call a model once with all steps.

    Arguments:
        xs: [time, batch, *features].
        dtype, reset: see `run_steps`.
        time_axis: the time axis of the library; 1 for [batch, time, *features].

    Returns: see `run_steps`.
    """
    own = _copy(getattr(model, "_orig_mod", model), dtype)  # what torch.compile was given
    if reset is not None:
        reset(own)
    rows: dict[str, list[torch.Tensor]] = {}
    given = torch.from_numpy(np.array(xs, dtype)).movedim(0, time_axis)
    with torch.no_grad(), _Taps(own, rows, getattr(torch, dtype)), model_errors(own, [], {}):
        _put(rows, OUTPUT, own(given))
    steps, batch = xs.shape[:2]
    return {
        k: to_numpy(_unfolded(v[0], steps, batch, time_axis).movedim(time_axis, 0))
        for k, v in rows.items()
        if len(v) == 1
    }


def _state_arguments(model: torch.nn.Module) -> tuple[list[str], list[str]]:
    """The arguments of forward besides its input and its options, and those without a default.

    An argument called `state` counts as one without a default.
    """
    arguments = list(inspect.signature(model.forward).parameters.values())[1:]
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = [a.name for a in arguments if a.kind in kinds and type(a.default) not in OPTIONS]
    if "state" in names:
        return names, ["state"]
    return names, [a.name for a in arguments if a.name in names and a.default is a.empty]


def _returned(names: list[str], needed: list[str], result: Any) -> list[str]:
    """The arguments whose new values the model returns after its output.

    **Raises**: `InputError` where this is not clear, so that the next step cannot be called.
    """
    count = len(result) - 1 if isinstance(result, tuple) else 0
    if count == len(needed):
        return needed
    if count == len(names):
        return names
    if not needed and (not count or not names):
        return []  # several outputs, or options that are not state
    raise InputError(
        f"the model takes {', '.join(names)} and returns {count + 1} values; expected one output "
        "and a new value of each; run the model yourself and use nirx.compare"
    )


def _copy(model: torch.nn.Module, dtype: str) -> torch.nn.Module:
    """A copy in a dtype. torch does not copy tensors with a gradient, such as the state that a
    training run left behind: the copy gets their values."""
    memo: dict[int, Any] = {}
    values = held_values(model) if isinstance(model, torch.nn.Module) else {}
    for tensor in tensors_in(list(values.values())):
        if tensor.grad_fn is not None:
            memo[id(tensor)] = tensor.detach().clone()
    return copy.deepcopy(model, memo).to(getattr(torch, dtype)).eval()


def _unfolded(y: torch.Tensor, steps: int, batch: int, time_axis: int) -> torch.Tensor:
    """Separates batch and time, which some layers fold into one axis."""
    if y.shape[0] == steps * batch and (y.ndim < 2 or (steps * batch) not in (steps, batch)):
        lead = (batch, steps) if time_axis == 1 else (steps, batch)
        return y.reshape(*lead, *y.shape[1:])
    return y


def _put(rows: dict[str, list[torch.Tensor]], key: str, result: Any) -> None:
    first = result[0] if isinstance(result, tuple | list) and result else result
    if isinstance(first, torch.Tensor):
        rows.setdefault(key, []).append(first.detach().clone())


class _Taps:
    """Forward hooks on all modules that record the outputs, while the context is entered."""

    def __init__(
        self, model: torch.nn.Module, rows: dict[str, list[torch.Tensor]], dtype: torch.dtype
    ):
        self.model, self.rows, self.dtype, self.hooks = model, rows, dtype, []

    def __enter__(self) -> _Taps:
        for name, part in self.model.named_modules():
            if name:
                self.hooks.append(part.register_forward_pre_hook(self._accept))
                self.hooks.append(part.register_forward_hook(self._tap(name)))
        return self

    def __exit__(self, *error: object) -> None:
        for hook in self.hooks:
            hook.remove()

    def _accept(self, module: Any, given: Any) -> Any:
        # Some libraries always make spikes in float32, which the next layer may refuse.
        return _cast(given, self.dtype)

    def _tap(self, name: str) -> Callable[..., Any]:
        def tap(module: Any, given: Any, result: Any) -> Any:
            result = _cast(result, self.dtype)
            _put(self.rows, name, result)
            return result

        return tap


def _cast(result: Any, dtype: torch.dtype) -> Any:
    if isinstance(result, torch.Tensor) and result.is_floating_point():
        return result.to(dtype)
    if type(result) is tuple and result and isinstance(result[0], torch.Tensor):
        return (_cast(result[0], dtype), *result[1:])
    return result
