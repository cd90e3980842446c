"""`recognised`: the NIR node that a neuron is under some discretization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import nir
import numpy as np

from nirx.basics.printable import quoted
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.neuron_node import Neuron
from nirx.dynamics.ops import Shape
from nirx.dynamics.program import INPUT, STATE
from nirx.graphs.metadata import RECOGNISED_KEY
from nirx.graphs.rules import with_rule
from nirx.tracing.recognition.confirm import STEPS, confirmed, some_neurons
from nirx.tracing.recognition.forms import CONSTANT, NoForm, close
from nirx.tracing.recognition.parameters import bare_node, nir_parameters
from nirx.tracing.recognition.solution import Solution, solutions
from nirx.tracing.recognition.spike_states import drop_unread, replace_kept_spikes
from nirx.tracing.recognition.stateless import stateless_node
from nirx.tracing.recognition.step_forms import StepForms, read_step

__all__ = ["Recognition", "recognised"]


@dataclass(frozen=True, eq=False)
class Recognition:
    """A NIR node that does what a `nirx.Neuron` does.

    Arguments:
        node: the NIR node; its metadata are those of the neuron, and the text.
        rule: the choices under which it does. A graph gathers the rules of its nodes.
        states: NIR's names of its states -> the neuron's own. What is missing here is computed
            from these (the last spikes), or nothing reads it.
        text: a sentence for a report.
    """

    node: Any
    rule: Discretization
    states: Mapping[str, str]
    text: str

    def with_rule(self) -> Any:
        """The node with its rule in its metadata, as exporters return it."""
        return with_rule(self.node, self.rule)


def recognised(
    node: Neuron, shape: Shape | None = None, dt: float | None = None
) -> Recognition | None:
    """The NIR node that a neuron equals under some discretization.

    The step is brought into a normal form and solved for the node's parameters; then both neurons
    run 1,000 steps on random inputs in float64: their spikes are equal, and their states differ by
    roundings only. Gradients take no part.

    Arguments:
        node: not changed.
        shape: of its input, without batch; None takes that of its parameters.
        dt: the time step for which the time constants are solved. None takes the neuron's own
            parameter "dt" if it has one that is a number, else 1.

    Returns: None if it is none of NIR's neurons.

    **Units**: the time constants have the unit of dt: without one, they count steps.
    """
    try:
        step = read_step(node)
        drop_unread(step)
        replace_kept_spikes(node, step)
        drop_unread(step)
        if not step.states:
            return _stateless(node, step, shape, dt)
        rule = Discretization(dt=_own_dt(node) if dt is None else dt)
        for own in solutions(step):
            for choices in _ways(step, own):
                found = _recognised(node, own, replace(rule, **choices), shape)
                if found is not None:
                    return found
    except NoForm:
        pass
    return None


def _ways(step: StepForms, own: Solution) -> list[dict[str, Any]]:
    """Choices to try, the preferred ones first.

    Any decay is Euler's with some time constant. The exponential one is preferred where the step
    computes the decay as an exponential: the time constant is then the author's own.
    """
    kept = [own.membrane.get(STATE + own.v, 0.0)]
    if own.i is not None and own.synapse is not None:
        kept.append(own.synapse.get(STATE + own.i, 0.0))
    exponential = any(close(found, k) for found in step.exponentials for k in kept)
    integrators = ["exponential", "euler"] if exponential else ["euler"]
    synapses = ["current-first", "voltage-first"] if own.i is not None else ["current-first"]
    return [
        {**own.choices, "integrator": integrator, "synapse": synapse}
        for integrator in integrators
        for synapse in synapses
    ]


def _recognised(
    node: Neuron, own: Solution, rule: Discretization, shape: Shape | None
) -> Recognition | None:
    found = nir_parameters(own, rule)
    if found is None:
        return None
    kind, parameters = found
    if kind in (nir.I, nir.IF):
        rule = replace(rule, integrator="euler")  # it has no effect
    start = _start(node, own, parameters.get("v_leak", np.zeros(())))
    if start is None:
        return None
    states = {"v": own.v, **({} if own.i is None else {"i": own.i})}
    rule = replace(rule, initial_v=start)
    return _confirmed(node, kind, parameters, rule, states, _drive(own), shape)


def _stateless(
    node: Neuron, step: StepForms, shape: Shape | None, dt: float | None
) -> Recognition | None:
    found = stateless_node(step)
    if found is None:
        return None
    kind, parameters, choices = found
    drive = 1.0 + np.abs(next(iter(parameters.values())))
    rule = Discretization(dt=1.0 if dt is None else dt, **choices)
    return _confirmed(node, kind, parameters, rule, {}, drive, shape)


def _confirmed(
    node: Neuron,
    kind: type[nir.NIRNode],
    parameters: Mapping[str, np.ndarray],
    rule: Discretization,
    states: Mapping[str, str],
    drive: np.ndarray,
    shape: Shape | None,
) -> Recognition | None:
    held = [*node.parameters.values(), *node.initial.values()]
    common = np.broadcast_shapes(*map(np.shape, held))
    some, chosen = some_neurons(node)

    def few(value: Any) -> np.ndarray:
        return np.broadcast_to(value, common).reshape(-1)[chosen]

    sample = {name: few(value) for name, value in parameters.items()}
    if not confirmed(some, bare_node(kind, sample, chosen.shape), rule, states, few(drive)):
        return None
    whole: Any = bare_node(kind, parameters, common if shape is None else shape)
    text = _text(node, kind, rule, states)
    whole.metadata = {**(node.metadata or {}), RECOGNISED_KEY: text}
    return Recognition(whole, rule, states, text)


def _start(node: Neuron, own: Solution, v_leak: np.ndarray) -> Any:
    """The choice `initial_v` for what the states hold before the first step, or None."""
    v = np.asarray(node.initial[own.v], np.float64)
    if own.i is not None and np.any(np.asarray(node.initial[own.i]) != 0):
        return None
    if not v.any():
        return "zero"
    return "leak" if close(v, v_leak) else None


def _drive(own: Solution) -> np.ndarray:
    """An input that moves v to the threshold within some ten steps; 0 for one without effect."""
    gain = np.asarray(own.membrane.get(INPUT, 0.0))
    if own.i is not None and own.synapse is not None:
        through = own.membrane.get(STATE + own.i, np.zeros(())) * own.synapse.get(INPUT, 0.0)
        gain = gain + through
    target = 1.0 if own.threshold is None else np.abs(own.threshold)
    kept = np.abs(own.membrane.get(STATE + own.v, 0.0))
    rest = np.abs(own.membrane.get(CONSTANT, 0.0))
    needed = np.maximum(target, 1e-3) * np.maximum(1.0 - kept, 0.1) + rest
    return np.where(gain == 0, 0.0, needed / np.where(gain == 0, 1.0, gain))


def _own_dt(node: Neuron) -> float:
    found = np.asarray(node.parameters.get("dt", 1.0))
    own = float(found.flat[0]) if found.size else 1.0
    good = found.size and (found == own).all() and np.isfinite(own) and own > 0
    return own if good else 1.0


def _text(
    node: Neuron, kind: type[nir.NIRNode], rule: Discretization, states: Mapping[str, str]
) -> str:
    chosen = ", ".join(f"{k}={v!r}" for k, v in rule.changes().items()) or "the default choices"
    renamed = {theirs: own for own, theirs in states.items() if own != theirs}
    names = ", ".join(f"its {theirs} is NIR's {own}" for theirs, own in renamed.items())
    return (
        f"{quoted(node.label or 'neuron')} equals NIR's {kind.__name__} with {chosen} and "
        f"dt={rule.dt:g}{'; ' if names else ''}{names}; both gave the same in {STEPS:,} steps in "
        "float64"
    )
