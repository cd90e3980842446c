"""A call of a cell as a graph of torch's basic operations (ATen).

make_fx rather than torch.fx's own tracer, because it sees what any Python code, library function
and autograd.Function does in the end. The inputs are fake tensors, so that control flow that
depends on values raises and is not baked in.
"""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import fx
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.node import map_arg
from torch.fx.traceback import preserve_node_meta, set_stack_trace
from torch.overrides import TorchFunctionMode

from nirx.dynamics.program import MOST_OPERATIONS
from nirx.errors import UnsupportedError
from nirx_torch.held_values import named_tensors
from nirx_torch.in_place_writes import OWN, TORCH

__all__ = [
    "BATCH",
    "Cell",
    "OperationRefused",
    "StepGraph",
    "is_write",
    "name_of",
    "owner",
    "refuse_operation",
    "traced",
]

BATCH = 2
"""Samples of the example; no cell may depend on it."""


@dataclass(frozen=True)
class Cell:
    """The module that is traced.

    Arguments:
        module: the module.
        where: its path, or its type if it is the model itself.
        shape: of one sample of its example input.
    """

    module: torch.nn.Module
    where: str
    shape: tuple[int, ...]

    @property
    def label(self) -> str:
        kind = type(self.module).__name__
        return self.where if self.where == kind else f"{self.where} ({kind})"

    def refusal(self, reason: str) -> UnsupportedError:
        return UnsupportedError(f"{self.label}: {reason}")

    def example(self) -> torch.Tensor:
        """An input; only its shape and type matter."""
        floats = [t.dtype for _, t in named_tensors(self.module) if t.is_floating_point()]
        dtype = floats[0] if floats else torch.get_default_dtype()
        return torch.zeros(BATCH, *self.shape, dtype=dtype)


@dataclass
class StepGraph:
    """What one call computes.

    Arguments:
        code: the graph, which runs.
        inputs: its placeholders.
        outputs: its results, in the order of the function's.
        written: placeholders and constants that an operation writes into.
    """

    code: fx.GraphModule
    inputs: list[fx.Node]
    outputs: list[fx.Node]
    written: set[fx.Node] = field(default_factory=set)

    def constant(self, node: fx.Node) -> Any:
        """The tensor that a node reads from outside, or None."""
        return getattr(self.code, str(node.target)) if node.op == "get_attr" else None

    def run(
        self, inputs: Sequence[torch.Tensor], wanted: Sequence[fx.Node] = ()
    ) -> tuple[list[torch.Tensor], dict[fx.Node, torch.Tensor]]:
        """The results for real inputs, and other wanted values; nothing is written into.

        All in double precision, so that a constant such as -0.1 is not rounded.
        """
        values: dict[fx.Node, Any] = {}
        found: dict[fx.Node, torch.Tensor] = {}
        given = iter(inputs)
        with torch.no_grad():
            for node in self.code.graph.nodes:
                if node.op == "placeholder":
                    values[node] = _wide(next(given).clone())
                elif node.op == "get_attr":
                    values[node] = _wide(self.constant(node).detach().clone())
                elif node.op == "call_function":
                    args, options = map_arg((node.args, dict(node.kwargs)), values.__getitem__)
                    options = {name: _wide(option) for name, option in options.items()}
                    values[node] = node.target(*args, **options)
                if node in wanted:
                    found[node] = values[node].clone()
        return [values[node] for node in self.outputs], found


def _wide(value: Any) -> Any:
    """A tensor or a type of numbers in double precision, if it is one of floats."""
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        return value.double()
    is_float = isinstance(value, torch.dtype) and value.is_floating_point
    return torch.float64 if is_float else value


def traced(
    cell: Cell, function: Callable[..., Sequence[torch.Tensor]], inputs: Sequence[torch.Tensor]
) -> StepGraph:
    """The graph of a function that calls the cell.

    **Raises**: `UnsupportedError`, with the line, where the call fails on unknown values.
    """
    make: Any = make_fx(
        function, tracing_mode="fake", _allow_non_fake_inputs=True, record_stack_traces=False
    )
    try:
        with torch.no_grad(), _quiet(), preserve_node_meta(), _Watch(cell):
            code = make(*inputs)
    except UnsupportedError:
        raise
    except Exception as error:
        raise _failed(cell, error) from error
    nodes = list(code.graph.nodes)
    (end,) = [n for n in nodes if n.op == "output"]
    outputs = list(end.args[0])
    graph = StepGraph(code, [n for n in nodes if n.op == "placeholder"], outputs)
    graph.written = {owner(n.args[0]) for n in nodes if is_write(n)}
    return graph


MOST_CALLS = 2 * MOST_OPERATIONS


class _Watch(TorchFunctionMode):
    """Notes the user's line with each operation, and refuses a call of too many before it ends."""

    def __init__(self, cell: Cell):
        super().__init__()
        self.cell, self.count = cell, 0

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):
        self.count += 1
        if self.count > MOST_CALLS:
            raise self.cell.refusal(
                f"a call takes more than {MOST_CALLS} operations, and a neuron's step at most "
                f"{MOST_OPERATIONS}; a module that runs over time itself has no single step"
            )
        # make_fx itself only notes lines of functions that are called forward.
        set_stack_trace([_calling_line()])
        return function(*args, **(kwargs or {}))


def _calling_line() -> str:
    """The innermost line outside torch and nirx, as `model.py:12`; else ""."""
    frame: Any = sys._getframe(2)
    while frame is not None and _is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    return "" if frame is None else f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


def _is_ours(file: str) -> bool:
    return file.startswith((TORCH, OWN, "<"))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the messages of torch and of the cell's forward, which repeat the error."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def is_write(node: fx.Node) -> bool:
    """Whether an operation writes into its first operand."""
    return isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable


SHARING = ("detach", "alias", "view", "expand", "unsqueeze", "squeeze", "slice", "select", "t")
SHARING += ("permute", "transpose", "as_strided", "_unsafe_view", "unbind", "getitem")


def owner(node: Any) -> fx.Node:
    """The value whose memory an operation's result has."""
    while is_write(node) or (node.op == "call_function" and name_of(node) in SHARING):
        node = node.args[0]
    return node


def name_of(node: fx.Node) -> str:
    """An operation's name, such as `add`."""
    target = node.target
    if isinstance(target, torch._ops.OpOverload):
        return target._schema.name.split("::")[-1]
    return getattr(target, "__name__", str(target))


class OperationRefused(UnsupportedError):
    """The cell could be called, but has an operation that no neuron's step may have."""


KINDS = {
    "is a matrix product": ("mm", "bmm", "addmm", "matmul", "mv", "baddbmm", "convolution", "dot"),
    "adds up neurons or samples": ("sum", "mean", "cumsum", "norm", "linalg_vector_norm", "var"),
    "is random": ("rand", "rand_like", "randn", "randn_like", "bernoulli", "normal", "uniform"),
    "compares neurons": ("max", "min", "amax", "amin", "sort", "argmax", "topk", "_softmax"),
    "takes a part of a tensor, as modules that run over time do": ("select", "slice", "unbind"),
    "gives another shape": ("cat", "stack", "view", "reshape", "permute", "t", "transpose"),
    "normalizes over the batch": ("native_batch_norm", "native_layer_norm"),
}
KINDS["is random"] += ("native_dropout", "random", "randint", "multinomial", "poisson")


def refuse_operation(cell: Cell, node: fx.Node, why: str = "") -> Exception:
    """The error for an operation that no neuron's step may have."""
    line, name = node.stack_trace, name_of(node).rstrip("_")
    known = next((kind for kind, names in KINDS.items() if name in names), "is not elementwise")
    return OperationRefused(
        f"{cell.label}: torch's {name}{f' at {line}' if line else ''} {why or known}; {MEND}"
    )


MEND = (
    "write the cell's step with elementwise operations and put layers (such as nn.Linear) "
    "outside it"
)


BRANCHES = ("DataDependentOutputException", "GuardOnDataDependentSymNode", "DynamicOutputShape")


def _failed(cell: Cell, error: Exception) -> UnsupportedError:
    frames = traceback.extract_tb(error.__traceback__)
    line = _line((frame.filename, frame.lineno or 0) for frame in frames)
    at = f" at {line}" if line else ""
    if type(error).__name__.startswith(BRANCHES):
        return cell.refusal(
            f"it decides or computes by the values of a tensor{at}; use torch.where"
        )
    said = (str(error).splitlines() or [""])[0]
    return cell.refusal(
        f"its forward raises {type(error).__name__}{at} when it is called with an input of shape "
        f"{(BATCH, *cell.shape)} and no state ({said:.120}); forward must be one time step, "
        "and a state of an earlier run in its attributes has to be reset"
    )


def _line(frames: Any) -> str:
    own = [(file, line) for file, line in frames if not _is_ours(file)]
    return f"{Path(own[-1][0]).name}:{own[-1][1]}" if own else ""
