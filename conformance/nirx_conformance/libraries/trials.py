"""`Trial`: a small graph around one node type or feature, with its input; and their builders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from nirx_conformance.cases.case import graph, port_in, port_out

STEPS, BATCH, SIZE = 100, 3, 6


@dataclass(frozen=True)
class Trial:
    """A graph and what to run it on.

    Arguments:
        graph: its parameters are float32, as in a file written by a torch library.
        xs: [time, batch, *features], float32.
        watch: path of the node whose output is the graph's.
    """

    graph: nir.NIRGraph
    xs: np.ndarray
    watch: str


RANGES = {
    "r": (0.5, 2.0),
    "tau_mem": (2.0, 20.0),
    "tau_syn": (2.0, 20.0),
    "w_in": (0.5, 2.0),
    "tau": (2.0, 20.0),
    "v_leak": (-0.2, 0.3),
    "v_threshold": (0.5, 1.5),
    "v_reset": (-0.3, 0.2),
}
"""Of random parameters; time constants in steps."""


def _array(values: Any) -> np.ndarray:
    return np.asarray(values, np.float32)


def _draw(high: float, shape: Sequence[int] = (SIZE,), low: float = 0.0) -> np.ndarray:
    """The input: uniform random numbers, the same for every library."""
    generator = np.random.default_rng(1)
    return _array(generator.uniform(low, high, (STEPS, BATCH, *shape)))


def weights(*shape: int) -> np.ndarray:
    """Normal numbers, the same every time."""
    return _array(np.random.default_rng(4).normal(0, 0.5, shape))


def positive_affine(scale: float) -> Any:
    """An Affine, which every importer knows, of positive weights and no bias."""
    weight = np.abs(weights(SIZE, SIZE)) * np.float32(scale)
    return nir.Affine(weight, np.zeros(SIZE, np.float32))


def positive_linear(scale: float) -> Any:
    """The same as a Linear."""
    return nir.Linear(positive_affine(scale).weight)


def _plain(kind: str, dt: float, unit: bool = False) -> Any:
    """One value for all neurons, no leak potential, reset to 0."""
    values = {
        "r": (8.0 if unit else 1.0) if "L" in kind else 1 / dt,
        "tau": 8 * dt,
        "tau_mem": 8 * dt,
        "tau_syn": 4 * dt,
        "w_in": 4.0 if unit else 1.0,
        "v_leak": 0.0,
        "v_threshold": 1.0,
        "v_reset": 0.0,
    }
    names = [name for name in values if name in getattr(nir, kind).__dataclass_fields__]
    return getattr(nir, kind)(**{name: np.full(SIZE, values[name], np.float32) for name in names})


def _any(kind: str, dt: float) -> Any:
    """Different values for every neuron, including v_leak and v_reset."""
    generator = np.random.default_rng(2)
    values = {}
    for name, (low, high) in RANGES.items():
        if name not in getattr(nir, kind).__dataclass_fields__:
            continue
        leakless = name == "r" and "L" not in kind
        drawn = _array(generator.uniform(*((0.1, 0.3) if leakless else (low, high)), SIZE))
        values[name] = drawn / dt if leakless else drawn * dt if "tau" in name else drawn
    return getattr(nir, kind)(**values)


def _reach(kind: str, unit: bool) -> float:
    """The largest input with which a plain neuron spikes sometimes."""
    if "L" not in kind:
        return 0.5
    if not unit:
        return 3.0
    return 0.12 if kind.startswith("Cuba") else 0.5


def _trial(
    nodes: dict[str, Any], watch: str, xs: np.ndarray, *edges: str, gives: Sequence[int] = ()
) -> Trial:
    """A graph of an Input, the nodes and an Output: in a row, unless there are edges."""
    takes = xs.shape[2:]
    every = {"input": port_in(*takes), **nodes, "output": port_out(*(gives or takes))}
    return Trial(graph(every, *(edges or [" -> ".join(every)])), xs, watch)


def _single(node: Any, xs: np.ndarray, gives: Sequence[int] = ()) -> Trial:
    return _trial({"node": node}, "node", xs, gives=gives)


def alone(kind: str, dt: float, unit: bool) -> Trial:
    """A plain neuron between Input and Output."""
    low = 0.0 if kind.endswith("IF") else -1.0
    return _single(_plain(kind, dt, unit), _draw(_reach(kind, unit), low=low))


def any_alone(kind: str, dt: float) -> Trial:
    """A neuron with different parameters everywhere, between Input and Output."""
    return _single(_any(kind, dt), _draw(3.0))


def lif_with(values: Callable[[float], Any], *names: str) -> Callable[[float, bool], Trial]:
    """A plain LIF with other values of some parameters: (dt) -> the values."""

    def build(dt: float, _: bool) -> Trial:
        node = _plain("LIF", dt)
        for name in names:
            setattr(node, name, _array(np.broadcast_to(values(dt), (SIZE,))))
        return _single(node, _draw(_reach("LIF", False)))

    return build


def ties(dt: float, _: bool) -> Trial:
    """Inputs in quarters, so that v is exactly at the threshold 1 again and again."""
    quarters = np.random.default_rng(3).integers(0, 3, (STEPS, BATCH, SIZE)) / 4
    return _single(_plain("IF", dt), _array(quarters))


def stateless(node: Any, takes: Sequence[int], gives: Sequence[int]) -> Trial:
    """A node without state, on signed input."""
    return _single(node, _draw(1.0, takes, low=-1.0), gives)


def convolution(kind: Any, groups: int = 1, hard: bool = False) -> Any:
    """A Conv1d or Conv2d; a hard one has stride, padding and dilation."""
    axes = 1 if kind is nir.Conv1d else 2

    def each(value: int) -> Any:
        return value if axes == 1 else (value, value)

    stride, padding, dilation = (each(n) for n in ((2, 1, 2) if hard else (1, 0, 1)))
    weight, bias = weights(4, 2 // groups, *[3] * axes), weights(4)
    return kind(each(9), weight, stride, padding, dilation, groups, bias)


def pool(kind: Any, padding: int) -> Any:
    """A pool of 2 x 2."""
    pair = np.array([2, 2])
    return kind(kernel_size=pair, stride=pair, padding=np.array([padding, padding]))


def flatten(start: int) -> Any:
    """A Flatten from one dimension on."""
    return nir.Flatten({"input": np.array([2, 3, 3])}, start, -1)


def delay(dt: float, _: bool) -> Trial:
    """A Delay of 0 to 3 steps."""
    return _single(nir.Delay(_array(np.arange(SIZE) % 4 * dt)), _draw(1.0, low=-1.0))


def recurrent(kind: str, bias: bool, dt: float, unit: bool) -> Trial:
    """input -> lif -> output, and lif -> w_rec -> lif."""
    reach = _reach(kind, unit)
    weight = weights(SIZE, SIZE) * np.float32(reach / 2)
    offset = weights(SIZE) * np.float32(reach / 4)
    back = nir.Affine(weight, offset) if bias else nir.Linear(weight)
    nodes = {"lif": _plain(kind, dt, unit), "w_rec": back}
    return _trial(nodes, "lif", _draw(reach), "input -> lif -> w_rec -> lif -> output")


def skip_connection(dt: float, unit: bool) -> Trial:
    """The spikes of lif1 reach lif2 through an Affine and directly."""
    reach = _reach("LIF", unit)
    lif1, lif2 = (_plain("LIF", dt, unit) for _ in range(2))
    nodes = {"lif1": lif1, "fc": positive_affine(reach), "lif2": lif2}
    edges = "input -> lif1 -> fc -> lif2", "lif1 -> lif2 -> output"
    return _trial(nodes, "lif2", _draw(2 * reach), *edges)


def layers(kind: str, connect: Callable[[float], Any], dt: float, unit: bool) -> Trial:
    """Two layers in a row: a delay of one step between them would show."""
    nodes: dict[str, Any] = {}
    for number in (1, 2):
        nodes[f"fc{number}"] = connect(_reach(kind, unit))
        nodes[f"lif{number}"] = _plain(kind, dt, unit)
    return _trial(nodes, "lif2", _draw(0.8))


def named(name: str, dt: float, unit: bool) -> Trial:
    """A plain LIF of this name."""
    return _trial({name: _plain("LIF", dt, unit)}, name, _draw(_reach("LIF", unit)))


def subgraph(dt: float, unit: bool) -> Trial:
    """A graph with one LIF in it, in place of a node."""
    trial = named("lif", dt, unit)
    return _trial({"block": trial.graph}, "block/lif", trial.xs)
