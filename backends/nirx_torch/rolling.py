"""Rolling: the one time step that all steps of an unrolled loop are, if they are the same."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import fx
from torch.fx.node import map_aggregate, map_arg

from nirx.execution.runners import takes_state
from nirx_torch.in_place_writes import line_of
from nirx_torch.loop_nodes import at, label, leaves, name_of
from nirx_torch.loop_trace import LEAST, Unrolled, time_step, time_steps
from nirx_torch.pairing import Pairing
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
    return trace, _canonical(trace)


class _Rolling(Pairing):
    """The step, made of the operations of the last step but one."""

    def step(self) -> Trace:
        """The step before the last: what it leaves is read by the last one."""
        outputs = [leaf for leaf in leaves(self._stacks(self.result)) if isinstance(leaf, _Stack)]
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
                    f"{at(reader, self.module)} reads a value that is {age} time steps old; keep "
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
                f"{at(node, self.module)} reads step {node.args[1]} of the input in time step "
                f"{number}{REWRITE}"
            )
        return made[node.args[0]]

    def _slot(self, node: fx.Node, names: Counter[str]) -> Slot:
        """A name for a part of the state: that of the module that it comes from."""
        source, part = node, "output"
        if name_of(node) == "getitem" and isinstance(node.args[0], fx.Node):
            source, part = node.args[0], "output" if node.args[1] == 0 else "state"
        path = str(source.target) if source.op == "call_module" else ""
        if not path:
            part = name_of(node)
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
        nodes = [leaf for leaf in leaves(found) if isinstance(leaf, fx.Node)]
        what = "no stack of all time steps"
        if nodes:
            what = (
                f"{label(nodes[0])} ({line_of(nodes[0])}), which is not a stack of all time steps"
            )
        return AcrossSteps(
            f"{self._kind()} returns {what} but a value of the last step, or a sum or mean over "
            f"the steps{REWRITE}"
        )


def _canonical(trace: Trace) -> Any:
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
