"""Small graphs around one node type or feature each, which every library is asked to run."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import nir
import numpy as np

__all__ = ["BATCH", "ROWS", "STEPS", "Row", "Trial"]

STEPS, BATCH, SIZE = 100, 3, 6

NEURONS = ("I", "IF", "LI", "LIF", "CubaLI", "CubaLIF")


@dataclass(frozen=True)
class Trial:
    """A graph and what to run it on.

    Arguments:
        graph: its parameters are float32, as in a file that a torch library wrote.
        xs: [time, batch, *features], float32.
        watch: path of the node whose output is the graph's.
    """

    graph: nir.NIRGraph
    xs: np.ndarray
    watch: str


@dataclass(frozen=True)
class Row:
    """A line of the matrix.

    Arguments:
        name: what the graph has, as the page says it.
        build: (dt, unit gain) -> `Trial`. Unit gain asks for neurons with r = tau/dt and w_in =
            tau_syn/dt around the feature instead of r = w_in = 1; rows of neurons ignore it.
    """

    name: str
    build: Callable[[float, bool], Trial]


def _array(values: Any) -> np.ndarray:
    return np.asarray(values, np.float32)


def _full(value: float, shape: Sequence[int]) -> np.ndarray:
    return np.full(shape, value, np.float32)


def _draw(high: float, shape: Sequence[int] = (SIZE,), low: float = 0.0) -> np.ndarray:
    """The input: uniform random numbers, the same for every library."""
    generator = np.random.default_rng(1)
    return _array(generator.uniform(low, high, (STEPS, BATCH, *shape)))


def _plain(kind: str, dt: float, unit: bool = False) -> Any:
    """One value for all neurons, no leak potential, reset to 0."""
    leaks, cuba = "L" in kind, kind.startswith("Cuba")
    values: dict[str, float] = {"r": (8.0 if unit else 1.0) if leaks else 1 / dt}
    if cuba:
        values |= {"tau_mem": 8 * dt, "tau_syn": 4 * dt, "w_in": 4.0 if unit else 1.0}
    elif leaks:
        values["tau"] = 8 * dt
    if leaks:
        values["v_leak"] = 0.0
    if kind.endswith("IF"):
        values |= {"v_threshold": 1.0, "v_reset": 0.0}
    return getattr(nir, kind)(**{k: _full(v, (SIZE,)) for k, v in values.items()})


def _any(kind: str, dt: float) -> Any:
    """Other values for every neuron, v_leak and v_reset among them."""
    generator = np.random.default_rng(2)

    def draw(low: float, high: float) -> np.ndarray:
        return _array(generator.uniform(low, high, SIZE))

    leaks, cuba = "L" in kind, kind.startswith("Cuba")
    values = {"r": draw(0.5, 2) if leaks else _array(draw(0.1, 0.3) / dt)}
    if cuba:
        taus = {k: _array(draw(2, 20) * dt) for k in ("tau_mem", "tau_syn")}
        values |= taus | {"w_in": draw(0.5, 2)}
    elif leaks:
        values["tau"] = _array(draw(2, 20) * dt)
    if leaks:
        values["v_leak"] = draw(-0.2, 0.3)
    if kind.endswith("IF"):
        values |= {"v_threshold": draw(0.5, 1.5), "v_reset": draw(-0.3, 0.2)}
    return getattr(nir, kind)(**values)


def _reach(kind: str, unit: bool) -> float:
    """The largest input with which a plain neuron spikes sometimes."""
    if "L" not in kind:
        return 0.5
    if not unit:
        return 3.0
    return 0.12 if kind.startswith("Cuba") else 0.5


def _alone(node: Any, xs: np.ndarray, gives: Sequence[int] | None = None) -> Trial:
    """input -> the node -> output."""
    takes = xs.shape[2:]
    nodes = {"input": _input(takes), "node": node, "output": _output(gives or takes)}
    return Trial(_graph(nodes, ("input", "node"), ("node", "output")), xs, "node")


def _graph(nodes: dict[str, Any], *edges: tuple[str, str]) -> nir.NIRGraph:
    # Unchecked: nir's own inference refuses grouped convolutions.
    return nir.NIRGraph(nodes, list(edges), type_check=False)


def _input(shape: Sequence[int]) -> Any:
    return nir.Input({"input": np.array(shape)})


def _output(shape: Sequence[int]) -> Any:
    return nir.Output({"output": np.array(shape)})


def _neuron_rows(kind: str) -> list[Row]:
    def plain(dt: float, _: bool) -> Trial:
        low = 0.0 if kind.endswith("IF") else -1.0
        return _alone(_plain(kind, dt), _draw(_reach(kind, False), low=low))

    def unit(dt: float, _: bool) -> Trial:
        low = 0.0 if kind.endswith("IF") else -1.0
        return _alone(_plain(kind, dt, True), _draw(_reach(kind, True), low=low))

    def random(dt: float, _: bool) -> Trial:
        return _alone(_any(kind, dt), _draw(3.0))

    rows = [Row(f"{kind}, plain", plain)]
    if "L" in kind:
        rows.append(Row(f"{kind}, unit gain", unit))
    return [*rows, Row(f"{kind}, any parameters", random)]


def _with(name: str, values: Callable[[float], Any], dt: float, _: bool) -> Trial:
    """A plain LIF with one parameter that is not plain: (dt) -> its values."""
    node = _plain("LIF", dt)
    setattr(node, name, _array(np.broadcast_to(values(dt), (SIZE,))))
    return _alone(node, _draw(_reach("LIF", False)))


def _resting(dt: float, _: bool) -> Trial:
    node = _plain("LIF", dt)
    node.v_leak = node.v_reset = _full(0.2, (SIZE,))
    return _alone(node, _draw(_reach("LIF", False)))


def _thresholds(_: float) -> np.ndarray:
    return np.linspace(0.7, 1.2, SIZE)


def _ties(dt: float, _: bool) -> Trial:
    """Inputs in quarters, so that v is exactly at the threshold 1 time and again."""
    quarters = np.random.default_rng(3).integers(0, 3, (STEPS, BATCH, SIZE)) / 4
    return _alone(_plain("IF", dt), _array(quarters))


def _weights(*shape: int) -> np.ndarray:
    return _array(np.random.default_rng(4).normal(0, 0.5, shape))


def _stateless(make: Callable[[], Any], takes: Sequence[int], gives: Sequence[int]) -> Any:
    def build(_: float, __: bool) -> Trial:
        return _alone(make(), _draw(1.0, takes, low=-1.0), gives)

    return build


def _conv1d(groups: int = 1, **options: Any) -> Any:
    given = {"stride": 1, "padding": 0, "dilation": 1, **options}
    weight, bias = _weights(4, 2 // groups, 3), _weights(4)
    return nir.Conv1d(input_shape=9, weight=weight, groups=groups, bias=bias, **given)


def _conv2d(groups: int = 1, **options: Any) -> Any:
    given = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), **options}
    weight, bias = _weights(4, 2 // groups, 3, 3), _weights(4)
    return nir.Conv2d(input_shape=(9, 9), weight=weight, groups=groups, bias=bias, **given)


def _pool(kind: Any, padding: int) -> Any:
    pair = np.array([2, 2])
    return kind(kernel_size=pair, stride=pair, padding=np.array([padding, padding]))


def _flatten(start: int) -> Any:
    return nir.Flatten({"input": np.array([2, 3, 3])}, start, -1)


def _delay(dt: float, _: bool) -> Trial:
    steps = np.arange(SIZE) % 4
    return _alone(nir.Delay(_array(steps * dt)), _draw(1.0, low=-1.0))


def _recurrent(kind: str, bias: bool, dt: float, unit: bool) -> Trial:
    """input -> lif -> output, and lif -> w_rec -> lif."""
    reach = _reach(kind, unit)
    weight = _weights(SIZE, SIZE) * np.float32(reach / 2)
    offset = _weights(SIZE) * np.float32(reach / 4)
    back = nir.Affine(weight, offset) if bias else nir.Linear(weight)
    nodes = {
        "input": _input((SIZE,)),
        "lif": _plain(kind, dt, unit),
        "w_rec": back,
        "output": _output((SIZE,)),
    }
    edges = (("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output"))
    return Trial(_graph(nodes, *edges), _draw(reach), "lif")


def _positive(scale: float) -> Any:
    """An Affine, which every importer knows, of positive weights and no bias."""
    weight = np.abs(_weights(SIZE, SIZE)) * np.float32(scale)
    return nir.Affine(weight, np.zeros(SIZE, np.float32))


def _skip(dt: float, unit: bool) -> Trial:
    """The spikes of lif1 reach lif2 through an Affine and directly."""
    reach = _reach("LIF", unit)
    nodes = {
        "input": _input((SIZE,)),
        "lif1": _plain("LIF", dt, unit),
        "fc": _positive(reach),
        "lif2": _plain("LIF", dt, unit),
        "output": _output((SIZE,)),
    }
    edges = [("input", "lif1"), ("lif1", "fc"), ("fc", "lif2"), ("lif1", "lif2")]
    return Trial(_graph(nodes, *edges, ("lif2", "output")), _draw(2 * reach), "lif2")


def _layers(kind: str, weights: Callable[[float], Any], dt: float, unit: bool) -> Trial:
    """Two layers behind one another: a step's delay between them would show."""
    reach = _reach(kind, unit)
    nodes = {
        "input": _input((SIZE,)),
        "fc1": weights(reach),
        "lif1": _plain(kind, dt, unit),
        "fc2": weights(reach),
        "lif2": _plain(kind, dt, unit),
        "output": _output((SIZE,)),
    }
    return Trial(_graph(nodes, *itertools.pairwise(nodes)), _draw(0.8), "lif2")


def _positive_linear(scale: float) -> Any:
    return nir.Linear(_positive(scale).weight)


def _subgraph(dt: float, unit: bool) -> Trial:
    """A graph with one LIF in it, in the place of a node."""
    trial = _named("lif", dt, unit)
    nodes = {"input": _input((SIZE,)), "block": trial.graph, "output": _output((SIZE,))}
    whole = _graph(nodes, ("input", "block"), ("block", "output"))
    return Trial(whole, trial.xs, "block/lif")


def _named(name: str, dt: float, unit: bool) -> Trial:
    nodes = {
        "input": _input((SIZE,)),
        name: _plain("LIF", dt, unit),
        "output": _output((SIZE,)),
    }
    graph = _graph(nodes, ("input", name), (name, "output"))
    return Trial(graph, _draw(_reach("LIF", unit)), name)


HARD: dict[str, Any] = {"stride": 2, "padding": 1, "dilation": 2}
HARD_2D: dict[str, Any] = {k: (v, v) for k, v in HARD.items()}

ROWS: tuple[Row, ...] = (
    *(row for kind in NEURONS for row in _neuron_rows(kind)),
    Row("LIF, r = 2", partial(_with, "r", lambda dt: 2.0)),
    Row("LIF, v_leak = 0.2", partial(_with, "v_leak", lambda dt: 0.2)),
    Row("LIF, v_reset = -0.2", partial(_with, "v_reset", lambda dt: -0.2)),
    Row("LIF, v_leak = v_reset = 0.2", _resting),
    Row("LIF, tau of each neuron", partial(_with, "tau", lambda dt: np.arange(4, 4 + SIZE) * dt)),
    Row("LIF, v_threshold of each neuron", partial(_with, "v_threshold", _thresholds)),
    Row("IF, v exactly at the threshold", _ties),
    Row("Linear", _stateless(lambda: nir.Linear(_weights(4, SIZE)), (SIZE,), (4,))),
    Row("Affine", _stateless(lambda: nir.Affine(_weights(4, SIZE), _weights(4)), (SIZE,), (4,))),
    Row("Conv1d", _stateless(_conv1d, (2, 9), (4, 7))),
    Row("Conv1d, stride, padding, dilation", _stateless(lambda: _conv1d(**HARD), (2, 9), (4, 4))),
    Row("Conv1d, groups", _stateless(lambda: _conv1d(2), (2, 9), (4, 7))),
    Row("Conv2d", _stateless(_conv2d, (2, 9, 9), (4, 7, 7))),
    Row(
        "Conv2d, stride, padding, dilation",
        _stateless(lambda: _conv2d(**HARD_2D), (2, 9, 9), (4, 4, 4)),
    ),
    Row("Conv2d, groups", _stateless(lambda: _conv2d(2), (2, 9, 9), (4, 7, 7))),
    Row("SumPool2d", _stateless(lambda: _pool(nir.SumPool2d, 0), (2, 6, 6), (2, 3, 3))),
    Row("SumPool2d, padding", _stateless(lambda: _pool(nir.SumPool2d, 1), (2, 6, 6), (2, 4, 4))),
    Row("AvgPool2d", _stateless(lambda: _pool(nir.AvgPool2d, 0), (2, 6, 6), (2, 3, 3))),
    Row("AvgPool2d, padding", _stateless(lambda: _pool(nir.AvgPool2d, 1), (2, 6, 6), (2, 4, 4))),
    Row("Flatten", _stateless(lambda: _flatten(0), (2, 3, 3), (18,))),
    Row("Flatten from the second dimension", _stateless(lambda: _flatten(1), (2, 3, 3), (2, 9))),
    Row("Scale", _stateless(lambda: nir.Scale(_weights(SIZE)), (SIZE,), (SIZE,))),
    Row("Threshold", _stateless(lambda: nir.Threshold(_weights(SIZE)), (SIZE,), (SIZE,))),
    Row("Delay", _delay),
    Row("two layers of LIF, by Affine", partial(_layers, "LIF", _positive)),
    Row("two layers of CubaLIF, by Linear", partial(_layers, "CubaLIF", _positive_linear)),
    Row("LIF, recurrent by Linear", partial(_recurrent, "LIF", False)),
    Row("LIF, recurrent by Affine", partial(_recurrent, "LIF", True)),
    Row("CubaLIF, recurrent by Linear", partial(_recurrent, "CubaLIF", False)),
    Row("CubaLIF, recurrent by Affine", partial(_recurrent, "CubaLIF", True)),
    Row("skip connection", _skip),
    Row("subgraph", _subgraph),
    Row("name with a dot", partial(_named, "layer.lif")),
)
