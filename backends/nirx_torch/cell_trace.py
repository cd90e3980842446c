"""A call of a cell as a graph of torch's basic operations (ATen).

make_fx rather than torch.fx's own tracer, because it sees what any Python code, library function
and autograd.Function does in the end. The inputs are fake tensors, so that control flow that
depends on values raises and is not baked in.
"""

from __future__ import annotations

import logging
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.node import map_arg
from torch.overrides import TorchFunctionMode

from nirx.dynamics.program import MOST_OPERATIONS
from nirx.errors import UnsupportedError
from nirx_torch.in_place_writes import OWN, TORCH, line_of, user_line

__all__ = [
    "BATCH",
    "CallFailed",
    "Cell",
    "StepGraph",
    "is_write",
    "name_of",
    "owner",
    "refuse_operation",
    "traced",
]

BATCH = 2
"""Samples of the example; no cell may depend on it."""


class CallFailed(UnsupportedError):
    """The cell's own forward raised, perhaps because of the shape of the example."""


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
        # Libraries give methods of these names another meaning (Rockpool).
        parameters = torch.nn.Module.parameters(self.module)
        floats = [p.dtype for p in parameters if p.is_floating_point()]
        buffers = torch.nn.Module.buffers(self.module)
        floats += [b.dtype for b in buffers if b.is_floating_point()]
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
    make: Any = make_fx(function, tracing_mode="fake", _allow_non_fake_inputs=True)
    try:
        with torch.no_grad(), _quiet(), _with_lines(), _Limit(cell):
            code = make(*inputs)
    except UnsupportedError:
        raise
    except Exception as error:
        raise _failed(cell, error) from error
    _read_once(code.graph)
    nodes = list(code.graph.nodes)
    (end,) = [n for n in nodes if n.op == "output"]
    outputs = list(end.args[0])
    graph = StepGraph(code, [n for n in nodes if n.op == "placeholder"], outputs)
    graph.written = {owner(n.args[0]) for n in nodes if is_write(n)}
    return graph


def _read_once(graph: fx.Graph) -> None:
    """Let every tensor from outside be a single node, so that writes into it are seen."""
    first: dict[str, fx.Node] = {}
    for node in list(graph.nodes):
        if node.op == "get_attr":
            known = first.setdefault(str(node.target), node)
            if known is not node:
                node.replace_all_uses_with(known)
                graph.erase_node(node)


MOST_CALLS = 2 * MOST_OPERATIONS


class _Limit(TorchFunctionMode):
    """Refuses a call of too many operations before all of them are traced."""

    def __init__(self, cell: Cell):
        super().__init__()
        self.cell, self.count = cell, 0

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.count += 1
        if self.count > MOST_CALLS:
            raise self.cell.refusal(
                f"a call takes more than {MOST_CALLS} operations, and a neuron's step at most "
                f"{MOST_OPERATIONS}; a module that runs over time itself has no single step"
            )
        return function(*args, **(kwargs or {}))


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


@contextmanager
def _with_lines() -> Iterator[None]:
    """Note in every node of a graph under way the line that it comes from."""
    plain = fx.Graph.create_node

    def create_node(graph: fx.Graph, *args: Any, **options: Any) -> fx.Node:
        node = plain(graph, *args, **options)
        node.meta["line"] = user_line()
        return node

    fx.Graph.create_node = create_node  # type: ignore[method-assign]
    try:
        yield
    finally:
        fx.Graph.create_node = plain  # type: ignore[method-assign]


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


KINDS = {
    "is a matrix product": ("mm", "bmm", "addmm", "matmul", "mv", "baddbmm", "convolution", "dot"),
    "adds up neurons or samples": ("sum", "mean", "cumsum", "norm", "linalg_vector_norm", "var"),
    "is random": (
        *("rand", "rand_like", "randn", "randn_like", "bernoulli", "normal", "uniform"),
        *("native_dropout", "random", "randint", "multinomial", "poisson"),
    ),
    "compares neurons": ("max", "min", "amax", "amin", "sort", "argmax", "topk", "_softmax"),
    "takes a part of a tensor, as modules that run over time do": ("select", "slice", "unbind"),
    "gives another shape": ("cat", "stack", "view", "reshape", "permute", "t", "transpose"),
    "normalizes over the batch": ("native_batch_norm", "native_layer_norm"),
}


def refuse_operation(cell: Cell, node: fx.Node, why: str = "") -> Exception:
    """The error for an operation that no neuron's step may have."""
    line, name = line_of(node), name_of(node).rstrip("_")
    known = next((kind for kind, names in KINDS.items() if name in names), "is not elementwise")
    at = f" at {line}" if line else ""
    return cell.refusal(f"torch's {name}{at} {why or known}; {MEND}")


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
    return CallFailed(
        f"{cell.label}: its forward raises {type(error).__name__}{at} when it is called with an "
        f"input of shape {(BATCH, *cell.shape)} and no state ({said:.120}); forward must be one "
        "time step, and a state of an earlier run in its attributes has to be reset"
    )


def _line(frames: Any) -> str:
    own = [f for f in frames if not f[0].startswith((TORCH, OWN, "<"))]
    return f"{own[-1][0].rpartition('/')[2]}:{own[-1][1]}" if own else ""
