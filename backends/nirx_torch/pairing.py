"""`Pairing`: the proof that all time steps of an unrolled loop are the same.

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

from nirx.errors import warn_caller
from nirx_torch.exporters import starts_afresh
from nirx_torch.loop_nodes import (
    ZEROS,
    at,
    both_nodes,
    is_size,
    label,
    leaves,
    name_of,
    pairs_of,
    same,
)
from nirx_torch.loop_trace import Unrolled, time_step
from nirx_torch.sequence import REWRITE, AcrossSteps

__all__ = ["Pairing"]


class Pairing:
    """Every operation of a time step, paired with its counterpart in the next one.

    Arguments:
        module: what was traced.
        unrolled: all its steps.
    """

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
            fixed = name_of(node) in ZEROS or is_size(node)
            if node is self.input or (not fixed and any(n in found for n in node.all_input_nodes)):
                found.add(node)
            if node.op == "call_module":
                found.add(node)
        return found

    def _pair(self, first: Any, second: Any) -> None:
        """Pair two values of successive steps, and all that they are computed from."""
        work = [(first, second, None)]
        while work:
            a, b, reader = work.pop()
            if not (isinstance(a, fx.Node) and isinstance(b, fx.Node)):
                if not isinstance(b, fx.Node) and same(a, b):
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
            alike = a.op == b.op and a.target == b.target and name_of(a) not in ("getitem", *ZEROS)
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
            pairs = pairs_of((a.args, a.kwargs), (b.args, b.kwargs))
            if pairs is None:
                raise self._differ(a, b, reader)
            work += [(x, y, b) for x, y in pairs]

    def _pair_constants(self, a: fx.Node, b: fx.Node, reader: Any) -> None:
        """Constants that are made anew in every step must be the same."""
        pairs = pairs_of((a.args, a.kwargs), (b.args, b.kwargs))
        for x, y in pairs or [(a, None)]:
            alike = x is y or (not isinstance(x, fx.Node) and same(x, y))
            if not alike and isinstance(x, fx.Node) and isinstance(y, fx.Node):
                zeros = name_of(a) in ZEROS and name_of(b) in ZEROS
                if zeros or (x.op == y.op == "get_attr" and self._same_constants(x, y)):
                    continue
                if x.op == y.op and x.target == y.target:
                    self._pair_constants(x, y, reader)
                    continue
            if not alike:
                raise self._differ(a, b, reader)

    def _same_constants(self, a: fx.Node, b: fx.Node) -> bool:
        x, y = (self.unrolled.constants[str(n.target)] for n in (a, b))
        return x is y or same(x, y)

    def _start(self, start: Any, value: fx.Node, reader: fx.Node) -> None:
        known = self.starts.setdefault(value, (start, reader))
        if not (known[0] is start or same(known[0], start)) and not both_nodes(known[0], start):
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
                    f"{at(reader, self.module)}: a state starts from {label(start)}; start from "
                    "None or zeros, as a NIR graph does"
                )
            if bool(torch.as_tensor(number).any()):
                warn_caller(
                    f"{at(reader, self.module)}: a state does not start at zero; a NIR graph has "
                    "no initial state, pass it to the network as state"
                )

    def _number(self, start: Any) -> Any:
        """What a state starts from; 0 for zeros and for arguments of forward; None if unknown."""
        while isinstance(start, fx.Node):
            if start.op == "placeholder" or name_of(start) in ZEROS:
                return 0
            if start.op == "get_attr":
                found = self.unrolled.constants[str(start.target)]
                return found if isinstance(found, torch.Tensor | float | int) else None
            if name_of(start) not in ("getitem", "to", "clone", "detach", "contiguous", "float"):
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
            if n.op == "call_module" and self._is_in(n, self.count - 2)
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
            if not self._is_in(node, self.count - 2):
                continue
            parts = leaves((node.args[1:], node.kwargs))
            given = [leaf for leaf in parts if isinstance(leaf, fx.Node)]
            alone = starts_afresh(self.module.get_submodule(path)) and not given
            if alone or (given and not any(g in self.varying for g in given)):
                raise AcrossSteps(
                    f"{at(node, self.module)}: {path} starts afresh in every step of the loop; "
                    "carry its state in a variable from step to step, as its NIR node does"
                )

    def _is_outside(self, path: str) -> bool:
        """Whether a call of a module outside of the steps could change its state."""
        return path in self.unrolled.keeping

    def _is_in(self, node: fx.Node, number: int) -> bool:
        return (node in self.before or node in self.next) and self._place(node) == number

    def _differ(self, a: Any, b: Any, reader: Any) -> AcrossSteps:
        node = next((n for n in (b, a, reader) if isinstance(n, fx.Node)), None)
        place = at(node, self.module) if node is not None else self._kind()
        return AcrossSteps(
            f"{place}: the time steps of the loop differ: {label(b)} in one step, {label(a)} in "
            f"the step before{REWRITE}"
        )

    def _kind(self) -> str:
        return f"{type(self.module).__name__}.forward"
