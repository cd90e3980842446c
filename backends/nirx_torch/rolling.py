"""Rolling: the one time step that all steps of an unrolled loop are, if they are the same.

Two successive steps are the same if their outputs are computed by the same operations from the
same things: from two successive steps of the input, from what does not change, and from what the
step before left. Only in the first step something else may stand in place of the latter: a start
value. So the proof pairs every operation of a step with its counterpart in the next one, over all
steps; the state is what an operation reads of the step before.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import fx
from torch.fx.node import map_aggregate, map_arg

from nirx.errors import warn_caller
from nirx.execution.runners import takes_state
from nirx_torch.exporters import starts_afresh
from nirx_torch.in_place_writes import line_of, place_of
from nirx_torch.loop_trace import LEAST, Unrolled, time_step, time_steps
from nirx_torch.sequence import REWRITE, AcrossSteps
from nirx_torch.trace import Slot, Trace, hidden_state

__all__ = ["roll"]


def roll(module: torch.nn.Module, unrolled: Unrolled) -> tuple[Trace, Any]:
    """The step of a loop.

    Arguments:
        module: what was traced.
        unrolled: all its steps.

    Returns: the step; and a value that is equal for equal steps, whatever their number.

    **Raises**: `AcrossSteps`, with the line, where two steps differ.
    """
    if unrolled.count < LEAST:
        raise AcrossSteps(
            f"{type(module).__name__}.forward takes {unrolled.count} time steps, of which nirx "
            f"cannot prove that they are the same; export it with {LEAST} or more"
        )
    rolling = _Rolling(module, unrolled)
    trace = rolling.step()
    return trace, rolling.canonical(trace)


class _Rolling:
    def __init__(self, module: torch.nn.Module, unrolled: Unrolled):
        self.module, self.unrolled, self.count = module, unrolled, unrolled.count
        nodes = list(unrolled.graph.nodes)
        self.order = {node: i for i, node in enumerate(nodes)}
        self.next: dict[fx.Node, fx.Node] = {}
        self.before: dict[fx.Node, fx.Node] = {}
        self.starts: dict[fx.Node, tuple[Any, fx.Node]] = {}
        """First value of a state -> what stands in its place before, and who reads that."""
        inputs = [n for n in nodes if n.op == "placeholder"]
        steps = [n for n in nodes if n.target is time_step]
        self.input = steps[0].args[0] if steps else (inputs[0] if inputs else None)
        self.varying = self._varying(nodes)
        self.result = next(n for n in reversed(nodes) if n.op == "output").args[0]

    def _varying(self, nodes: list[fx.Node]) -> set[fx.Node]:
        """What depends on the input; anything else may be a start value."""
        found: set[fx.Node] = set()
        for node in nodes:
            fixed = _name(node) in ZEROS or _is_size(node)
            if node is self.input or (not fixed and any(n in found for n in node.all_input_nodes)):
                found.add(node)
            if node.op == "call_module":
                found.add(node)
        return found

    # -- the proof ----------------------------------------------------------------------

    def step(self) -> Trace:
        """The step before the last: what it leaves is read by the last one."""
        outputs = [leaf for leaf in _leaves(self._stacks(self.result)) if isinstance(leaf, _Stack)]
        for stack in outputs:
            if len(stack.steps) != self.count:
                raise AcrossSteps(
                    f"{self._kind()} stacks {len(stack.steps)} values of {self.count} time "
                    f"steps{REWRITE}"
                )
            for a, b in zip(stack.steps, stack.steps[1:], strict=False):
                self._pair(a, b)
        if not outputs:
            raise self._not_stacked(self.result)
        self._check_starts()
        self._check_calls()
        self._check_states()
        return self._step(self.count - 2)

    def _pair(self, first: Any, second: Any) -> None:
        """Pair two values of successive steps, and all that they are computed from."""
        work = [(first, second, None)]
        while work:
            a, b, reader = work.pop()
            if not (isinstance(a, fx.Node) and isinstance(b, fx.Node)):
                if not isinstance(b, fx.Node) and _same(a, b):
                    continue
                if isinstance(b, fx.Node) and not isinstance(a, fx.Node) and reader is not None:
                    self._start(a, b, reader)
                    continue
                raise self._differ(a, b, reader)
            if a is b:
                continue
            if a in self.next or b in self.before:
                if self.next.get(a) is not b:
                    raise self._differ(a, b, reader)
                continue
            alike = a.op == b.op and a.target == b.target and _name(a) not in ("getitem", *ZEROS)
            fixed = a not in self.varying
            if fixed and b in self.varying and not alike and reader is not None:
                self._start(a, b, reader)
                continue
            if a.op == b.op == "get_attr" and self._same_constants(a, b):
                continue
            if a.op != b.op or a.target != b.target or self.order[a] > self.order[b]:
                raise self._differ(a, b, reader)
            if fixed and b not in self.varying:
                self._pair_constants(a, b, reader)
                continue
            self.next[a], self.before[b] = b, a
            if a.target is time_step:
                if a.args[0] is not b.args[0] or b.args[1] != a.args[1] + 1:  # type: ignore[operator]
                    raise self._differ(a, b, reader)
                continue
            pairs = _pairs((a.args, a.kwargs), (b.args, b.kwargs))
            if pairs is None:
                raise self._differ(a, b, reader)
            work += [(x, y, b) for x, y in pairs]

    def _pair_constants(self, a: fx.Node, b: fx.Node, reader: Any) -> None:
        """Constants that are made anew in every step must be the same."""
        pairs = _pairs((a.args, a.kwargs), (b.args, b.kwargs))
        for x, y in pairs or [(a, None)]:
            same = x is y or (not isinstance(x, fx.Node) and _same(x, y))
            if not same and isinstance(x, fx.Node) and isinstance(y, fx.Node):
                zeros = _name(a) in ZEROS and _name(b) in ZEROS
                if zeros or (x.op == y.op == "get_attr" and self._same_constants(x, y)):
                    continue
                if x.op == y.op and x.target == y.target:
                    self._pair_constants(x, y, reader)
                    continue
            if not same:
                raise self._differ(a, b, reader)

    def _same_constants(self, a: fx.Node, b: fx.Node) -> bool:
        x, y = (self.unrolled.constants[str(n.target)] for n in (a, b))
        return x is y or _same(x, y)

    def _start(self, start: Any, value: fx.Node, reader: fx.Node) -> None:
        known = self.starts.setdefault(value, (start, reader))
        if not (known[0] is start or _same(known[0], start)) and not _both_nodes(known[0], start):
            raise self._differ(start, value, reader)

    def _place(self, node: fx.Node) -> int:
        """The time step of an operation."""
        if node.target is time_step:
            return int(node.args[1])  # type: ignore[arg-type]
        number = 0
        while node in self.before:
            node, number = self.before[node], number + 1
        return number

    def _check_starts(self) -> None:
        for value, (start, reader) in self.starts.items():
            first = value not in self.before and self._place(reader) == 1
            if not first:
                raise self._differ(start, value, reader)
            number = self._number(start)
            if number is None:
                raise AcrossSteps(
                    f"{_at(reader, self.module)}: a state starts from {_label(start)}; start from "
                    "None or zeros, as a NIR graph does"
                )
            if bool(torch.as_tensor(number).any()):
                warn_caller(
                    f"{_at(reader, self.module)}: a state does not start at zero; a NIR graph has "
                    "no initial state, pass it to the network as state"
                )

    def _number(self, start: Any) -> Any:
        """What a state starts from; 0 for zeros and for arguments of forward; None if unknown."""
        while isinstance(start, fx.Node):
            if start.op == "placeholder" or _name(start) in ZEROS:
                return 0
            if start.op == "get_attr":
                found = self.unrolled.constants[str(start.target)]
                return found if isinstance(found, torch.Tensor | float | int) else None
            if _name(start) not in ("getitem", "to", "clone", "detach", "contiguous", "float"):
                return None
            start = start.args[0]
        if start is None:
            return 0
        return start if isinstance(start, int | float | torch.Tensor) else None

    def _check_calls(self) -> None:
        """Every module is called in every step, equally often, and nowhere else."""
        reached = Counter(
            str(n.target)
            for n in self.order
            if n.op == "call_module" and self._at(n, self.count - 2)
        )
        calls = Counter(str(n.target) for n in self.order if n.op == "call_module")
        for path, number in reached.items():
            if calls[path] != number * self.count and self._is_outside(path):
                raise AcrossSteps(
                    f"{path} is called {calls[path]} times in {self.count} time steps, of which "
                    f"{number * self.count} belong to the steps{REWRITE}"
                )

    def _check_states(self) -> None:
        """A neuron that forward hands a start value in every step would forget all else."""
        for node in self.order:
            path = str(node.target)
            if node.op != "call_module" or path not in self.unrolled.keeping:
                continue
            if not self._at(node, self.count - 2):
                continue
            leaves = _leaves((node.args[1:], node.kwargs))
            given = [leaf for leaf in leaves if isinstance(leaf, fx.Node)]
            alone = starts_afresh(self.module.get_submodule(path)) and not given
            if alone or (given and not any(g in self.varying for g in given)):
                raise AcrossSteps(
                    f"{_at(node, self.module)}: {path} starts afresh in every step of the loop; "
                    "carry its state in a variable from step to step, as its NIR node does"
                )

    def _is_outside(self, path: str) -> bool:
        """Whether a call of a module outside of the steps could change its state."""
        return path in self.unrolled.keeping

    def _at(self, node: fx.Node, number: int) -> bool:
        return (node in self.before or node in self.next) and self._place(node) == number

    # -- the step -----------------------------------------------------------------------

    def _step(self, number: int) -> Trace:
        graph = fx.Graph()
        made: dict[fx.Node, fx.Node] = {}
        slots: dict[fx.Node, tuple[Slot, fx.Node]] = {}
        names: Counter[str] = Counter()
        for node in self.order:
            if node.op == "placeholder":
                made[node] = graph.node_copy(node)
        work_left: list[fx.Node] = []

        def read(node: fx.Node) -> fx.Node:
            """What the step before left."""
            now = self.next[node]
            if now not in slots:
                slot = self._slot(node, names)
                slots[now] = slot, graph.call_function(hidden_state, slot)
                work_left.append(now)
            return slots[now][1]

        def copy(node: fx.Node) -> fx.Node:
            stack = [node]
            while stack:
                top = stack[-1]
                if top in made:
                    stack.pop()
                    continue
                if top.target is time_step:
                    made[top] = self._of_input(top, number, made)
                    continue
                below = [n for n in top.all_input_nodes if n not in made and not past(top, n)]
                if below:
                    stack += below
                    continue
                made[top] = graph.node_copy(
                    top, lambda n, top=top: read(n) if past(top, n) else made[n]
                )
                stack.pop()
            return made[node]

        def past(reader: fx.Node, node: fx.Node) -> bool:
            if not (node in self.before or node in self.next):
                return False
            age = self._place(reader) - self._place(node)
            if age not in (0, 1):
                raise AcrossSteps(
                    f"{_at(reader, self.module)} reads a value that is {age} time steps old; keep "
                    f"it in a state of its own{REWRITE}"
                )
            return age == 1

        def of_the_step(leaf: Any) -> Any:
            return copy(leaf.steps[number]) if isinstance(leaf, _Stack) else leaf

        result = map_aggregate(self._without_states(self._stacks(self.result)), of_the_step)
        hidden: dict[Slot, Any] = {}
        while work_left:
            now = work_left.pop(0)
            hidden[slots[now][0]] = copy(now)
        graph.output((result, None) if self._takes_state() else result)
        pinned = tuple(dict.fromkeys([*self.unrolled.pinned, "state"]))
        return Trace(graph, self.unrolled.constants, pinned, hidden, {})

    def _of_input(self, node: fx.Node, number: int, made: Any) -> fx.Node:
        if node.args[1] != number:
            raise AcrossSteps(
                f"{_at(node, self.module)} reads step {node.args[1]} of the input in time step "
                f"{number}{REWRITE}"
            )
        return made[node.args[0]]

    def _slot(self, node: fx.Node, names: Counter[str]) -> Slot:
        """A name for a part of the state: that of the module that it comes from."""
        source, part = node, "output"
        if _name(node) == "getitem" and isinstance(node.args[0], fx.Node):
            source, part = node.args[0], "output" if node.args[1] == 0 else "state"
        path = str(source.target) if source.op == "call_module" else ""
        if not path:
            part = _name(node)
        names[f"{path}.{part}"] += 1
        number = names[f"{path}.{part}"]
        return path, part if number == 1 else f"{part}_{number - 1}"

    def _takes_state(self) -> bool:
        return takes_state(self.module.forward)

    # -- what forward returns -------------------------------------------------------------

    def _stacks(self, tree: Any) -> Any:
        """The result with every stack, or list of all steps' values, as one `_Stack`."""
        if isinstance(tree, fx.Node):
            return _Stack(tree.args) if tree.target is time_steps else tree
        if isinstance(tree, dict):
            return {key: self._stacks(part) for key, part in tree.items()}
        if isinstance(tree, list | tuple):
            nodes = all(isinstance(p, fx.Node) and p.target is not time_steps for p in tree)
            if isinstance(tree, list) and nodes and len(tree) == self.count:
                return _Stack(tuple(tree))
            return type(tree)(self._stacks(part) for part in tree)
        return tree

    def _without_states(self, tree: Any) -> Any:
        """The result without what the last step leaves, which the network keeps itself."""
        if isinstance(tree, fx.Node):
            if not self._is_left(tree):
                raise self._not_stacked(tree)
            return None
        if isinstance(tree, dict):
            return {key: self._without_states(part) for key, part in tree.items()}
        if isinstance(tree, list | tuple):
            return type(tree)(self._without_states(part) for part in tree)
        return tree

    def _is_left(self, node: fx.Node) -> bool:
        """Whether a value is the state after the last step."""
        for first in self.starts:
            last = first
            while last in self.next:
                last = self.next[last]
            if last is node:
                return True
            if last.op == node.op and last.target == node.target:
                kept = dict(self.next), dict(self.before), dict(self.starts)
                try:
                    self._pair(last, node)
                    return True
                except AcrossSteps:
                    self.next, self.before, self.starts = kept
        return node not in self.varying

    def _not_stacked(self, found: Any) -> AcrossSteps:
        nodes = [leaf for leaf in _leaves(found) if isinstance(leaf, fx.Node)]
        what = "no stack of all time steps"
        if nodes:
            what = (
                f"{_label(nodes[0])} ({line_of(nodes[0])}), which is not a stack of all time steps"
            )
        return AcrossSteps(
            f"{self._kind()} returns {what} but a value of the last step, or a sum or mean over "
            f"the steps{REWRITE}"
        )

    def _differ(self, a: Any, b: Any, reader: Any) -> AcrossSteps:
        node = next((n for n in (b, a, reader) if isinstance(n, fx.Node)), None)
        place = _at(node, self.module) if node is not None else self._kind()
        return AcrossSteps(
            f"{place}: the time steps of the loop differ: {_label(b)} in one step, {_label(a)} in "
            f"the step before{REWRITE}"
        )

    def _kind(self) -> str:
        return f"{type(self.module).__name__}.forward"

    def canonical(self, trace: Trace) -> Any:
        """The step with its operations numbered."""
        numbers: dict[fx.Node, int] = {}
        rows = []
        for node in trace.graph.nodes:
            numbers[node] = len(numbers)
            refer = lambda n: f"%{numbers[n]}"  # noqa: E731
            target = node.target
            if node.op == "get_attr":
                target = id(trace.constants[str(node.target)])
                found = trace.constants[str(node.target)]
                target = found.tolist() if isinstance(found, torch.Tensor) else target
            args = map_arg((node.args, dict(node.kwargs)), refer)
            rows.append((node.op, str(target), repr(args)))
        left = {slot: numbers[node] for slot, node in trace.hidden.items()}
        return rows, left


class _Stack:
    def __init__(self, steps: tuple[Any, ...]):
        self.steps = steps


def _is_size(node: fx.Node) -> bool:
    """Whether it gives a shape, or another property that is the same in every step."""
    if _name(node) == "getattr":
        return node.args[1] in ("shape", "device", "dtype", "ndim")
    return node.op == "call_method" and node.target in ("size", "dim", "numel", "nelement")


ZEROS = ("zeros", "zeros_like", "new_zeros")


def _leaves(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, list | tuple):
        return [leaf for part in tree for leaf in _leaves(part)]
    return [tree]


def _pairs(a: Any, b: Any) -> list[tuple[Any, Any]] | None:
    """The leaves of two nests of one form, in pairs; None if the forms differ.

    A start value may stand for a whole nest: (None, (v, i)).
    """
    if isinstance(a, tuple | list) and isinstance(b, tuple | list) and len(a) == len(b):
        parts = [_pairs(x, y) for x, y in zip(a, b, strict=True)]
    elif isinstance(a, dict) and isinstance(b, dict) and list(a) == list(b):
        parts = [_pairs(a[key], b[key]) for key in a]
    elif isinstance(a, tuple | list | dict) or isinstance(b, tuple | list | dict):
        if a is not None:
            return None
        return [(None, leaf) for leaf in _leaves(b)]
    else:
        return [(a, b)]
    return None if None in parts else [pair for part in parts for pair in part or ()]


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return a.shape == b.shape and a.dtype == b.dtype and torch.equal(a, b)
    return type(a) is type(b) and not isinstance(a, torch.Tensor) and bool(a == b)


def _both_nodes(a: Any, b: Any) -> bool:
    return isinstance(a, fx.Node) and isinstance(b, fx.Node)


def _name(node: Any) -> str:
    target = node.target
    return target if isinstance(target, str) else getattr(target, "__name__", "")


def _label(value: Any) -> str:
    if not isinstance(value, fx.Node):
        return repr(value)[:40]
    if value.target is time_step:
        return f"step {value.args[1]} of the input"
    if value.op in ("placeholder", "get_attr"):
        return str(value.target)
    return f"a call of {_name(value)}"


def _at(node: fx.Node, root: torch.nn.Module) -> str:
    line = line_of(node)
    return f"{line} ({place_of(node, root)})" if line else place_of(node, root)
