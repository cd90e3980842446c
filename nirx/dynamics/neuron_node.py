"""`Neuron`: a NIR node whose step is an expression, for the neurons that NIR lacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import nir
import numpy as np

from nirx.dynamics.expression import Expression, NotElementwise
from nirx.dynamics.formula import Formula
from nirx.dynamics.parameters import NodeMismatch
from nirx.dynamics.program import INPUT, OUTPUT, PARAMETER, STATE, Program, require_names
from nirx.dynamics.program_table import program_of, table
from nirx.errors import InputError

__all__ = ["Neuron", "neuron"]

Step = Callable[[Any, Any, Any], tuple[Any, Mapping[str, Any]]]
"""(x, states, parameters) -> (y, new states); see `neuron`."""

STATE_VALUE, UNIT = "initial.", "unit."
"""In front of the names of initial values and units, in `Neuron.contents`."""


@dataclass(eq=False, repr=False)
class Neuron(nir.NIRNode):
    """A neuron of any kind, given by one time step; see `nirx.neuron`.

    Its parameters are attributes too, as those of NIR's own nodes are: `node.tau`.

    Arguments:
        step: the checked expression of a step.
        parameters: trainable arrays by name; each broadcasts to the shape of the input.
        initial: what every state holds before the first step, likewise.
        units: of parameters and states, by name; for readers only.
        label: what the neuron is called, such as `"AdEx"`.
    """

    step: Program
    parameters: dict[str, Any]
    initial: dict[str, Any]
    units: dict[str, str] = field(default_factory=dict)
    label: str = ""

    def __post_init__(self) -> None:
        self.input_type: Any = {"input": None}
        self.output_type: Any = {"output": None}

    def __getattr__(self, name: str) -> Any:
        held = self.__dict__.get("parameters", {})
        if isinstance(held, dict) and name in held:
            return held[name]
        raise AttributeError(f"Neuron {self.__dict__.get('label', '')!r} has no {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        held = self.__dict__.get("parameters")
        if name != "parameters" and isinstance(held, dict) and name in held:
            held[name] = value
        else:
            super().__setattr__(name, value)

    def __copy__(self) -> Neuron:
        new = Neuron(self.step, dict(self.parameters), self.initial, self.units, self.label)
        new.metadata, new.input_type, new.output_type = (
            self.metadata,
            self.input_type,
            self.output_type,
        )
        return new

    def __repr__(self) -> str:
        return (
            f"Neuron({self.label!r}, parameters={sorted(self.parameters)}, "
            f"states={list(self.step.states)}, {len(self.step.expression.operations)} operations)"
        )

    def to_dict(self) -> dict[str, Any]:
        return {"type": "Neuron", "metadata": self.metadata or {}, **self.contents()}

    def contents(self) -> dict[str, Any]:
        """Everything that it is, as arrays and texts by name: what a file stores."""
        return {
            **table(self.step),
            "label": self.label,
            **{PARAMETER + k: np.asarray(v) for k, v in sorted(self.parameters.items())},
            **{STATE_VALUE + k: np.asarray(v) for k, v in sorted(self.initial.items())},
            **{UNIT + k: str(v) for k, v in sorted(self.units.items())},
        }

    @classmethod
    def from_contents(cls, contents: Mapping[str, Any]) -> Neuron:
        """The node of `contents`, which may come from anywhere.

        **Raises**: `NodeMismatch`.
        """
        label = contents.get("label", "")
        if not isinstance(label, str):
            raise NodeMismatch(f"label is a {type(label).__name__}", "text")

        def held(start: str) -> dict[str, Any]:
            return {
                k[len(start) :]: v
                for k, v in contents.items()
                if k.startswith(start) and k != start
            }

        known = ("operations", "constants", "results", "names", "states", "label")
        for name, value in contents.items():
            if name not in known and not name.startswith((PARAMETER, STATE_VALUE, UNIT)):
                raise NodeMismatch(f"a Neuron has no {name[:80]!r}", ", ".join(known))
            if isinstance(value, dict):
                raise NodeMismatch(f"{name[:80]} is a group", "an array or text")
        parameters = held(PARAMETER)
        require_names(tuple(parameters), "parameters")
        program = program_of(contents)
        program.check(tuple(parameters))
        return cls(program, parameters, held(STATE_VALUE), held(UNIT), label)


def neuron(
    step: Step,
    *,
    parameters: Mapping[str, Any] | None = None,
    states: Mapping[str, Any],
    units: Mapping[str, str] | None = None,
    label: str = "",
) -> Neuron:
    """A NIR node from one time step of a neuron, written in Python.

    `step(x, s, p)` gets the input, the states and the parameters (`s.v`, `p.tau`), and returns
    the output and the new states by name. It is called once, on formulas: it may use + - * / **,
    comparisons, `abs`, and the functions of `nirx.formulas`. `nirx.formulas.spike(v, threshold)`
    has the surrogate's gradient. The step runs on every backend, as a fused kernel, with
    gradients; `nirx.write` stores the expression, never the Python code.

    Arguments:
        step: the function.
        parameters: arrays by name; each broadcasts to the shape of the input.
        states: the initial value of every state, likewise; their order is that of the state.
        units: of parameters and states by name, such as `{"tau": "s"}`; for readers only.
        label: what the neuron is called; default: the name of the function.

    Returns: the node, ready for a graph.

    **Raises**: `InputError` for a step that is not elementwise or does not fit its names.
    """
    parameters, states = dict(parameters or {}), dict(states)
    name = label or getattr(step, "__name__", "neuron")
    at = f"neuron {name!r}"
    expression = Expression()

    def read(start: str, names: Mapping[str, Any]) -> SimpleNamespace:
        made = {
            n: Formula(expression, expression.add("input", value=start + n), f"{at}: its step")
            for n in names
        }
        return SimpleNamespace(**made)

    try:
        require_names(tuple(parameters), "parameters")
        require_names(tuple(states), "states")
        x = Formula(expression, expression.add("input", value=INPUT), f"{at}: its step")
        found = step(x, read(STATE, states), read(PARAMETER, parameters))
        y, new = found if isinstance(found, tuple) and len(found) == 2 else (None, None)
        if not isinstance(new, Mapping) or set(new) != set(states):
            raise InputError(
                f"{at}: its step returns {type(found).__name__}; expected (y, new states) with "
                f"the states {', '.join(states) or 'none'}"
            )
        zero = Formula(expression, 0)
        expression.results = {
            OUTPUT: zero._position(y),
            **{STATE + n: zero._position(new[n]) for n in states},
        }
        program = Program(expression, tuple(states))
        program.check(tuple(parameters))
    except NotElementwise as error:
        raise InputError(f"{at}: {error}" if at not in str(error) else str(error)) from error
    except NodeMismatch as mismatch:
        raise InputError(str(mismatch.fault(at))) from mismatch
    return Neuron(program, parameters, states, dict(units or {}), name)
