"""Networks in integers: shifts, convolutions, pools, delays, feedback, nesting, states."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from nirx_conformance.cases.case import chain, graph, port_in, port_out, recurrent
from nirx_conformance.cases.integer_case import (
    BATCH,
    SIZE,
    STEPS,
    case,
    cuba_lif,
    li,
    lif,
    whole,
)

__all__ = ["CASES"]

XS = whole(11, STEPS, BATCH, SIZE, low=-2, high=3)
SPIKES = whole(12, STEPS, BATCH, SIZE, low=0, high=1).astype(bool)
WIDE: dict[str, Any] = {"membrane_bits": 32, "synapse_bits": 32}


def _affine(seed: int, low: int = -40, high: int = 60) -> nir.Affine:
    weight = whole(seed, SIZE, SIZE, low=low, high=high)
    return nir.Affine(weight.astype(float), whole(seed + 1, SIZE).astype(float))


def _layers(constant: float = 0, threshold: float = 90) -> nir.NIRGraph:
    neuron = lif(constant=constant, threshold=threshold, reset=-7)
    return chain((SIZE,), (SIZE,), _affine(20), neuron)


def _shift(name: str, value: int, **choices: Any) -> Any:
    own = _layers(2.0**value if name == "bias_shift" else 0, 90 if value >= 0 else 3)
    drive = {"weight_shift": value} if name == "threshold_shift" else {}  # so that it is reached
    return case(f"{name} of {value}", own, XS, {name: value, **drive, **WIDE}, **choices)


def _conv(
    name: str, shape: tuple[int, ...], gives: tuple[int, ...], *nodes: Any, **own: Any
) -> Any:
    xs = whole(30, 8, BATCH, *shape, low=-3, high=4)
    return case(name, chain(shape, gives, *nodes), xs, {**WIDE, **own})


def _kernel(seed: int, *shape: int) -> np.ndarray:
    return whole(seed, *shape, low=-20, high=25).astype(float)


def _bias(seed: int, size: int) -> np.ndarray:
    return whole(seed, size).astype(float)


def _pool(kind: Any, tall: int, wide: int, padding: int = 0) -> Any:
    return kind(np.array([tall, wide]), np.array([tall, wide]), np.array([padding, padding]))


def _looped() -> nir.NIRGraph:
    nodes = {
        "input": port_in(SIZE),
        "fc": _affine(40),
        "a": cuba_lif(threshold=30),
        "forth": nir.Linear(_kernel(42, SIZE, SIZE)),
        "b": lif(threshold=15),
        "back": _affine(43, -30, 30),
        "output": port_out(SIZE),
    }
    return graph(nodes, "input -> fc -> a -> forth -> b -> back -> a", "b -> b", "b -> output")


def _nested() -> nir.NIRGraph:
    inner = chain((SIZE,), (SIZE,), _affine(50), lif(threshold=40))
    middle = graph(
        {
            "input": port_in(SIZE),
            "sub": inner,
            "scale": nir.Scale(np.full(SIZE, 3.0)),
            "output": port_out(SIZE),
        },
        "input -> sub -> scale -> output",
    )
    nodes = {"input": port_in(SIZE), "net": middle, "li": li(), "output": port_out(SIZE)}
    return graph(nodes, "input -> net -> li -> output", "input -> li")


def _fan_in() -> nir.NIRGraph:
    nodes: dict[str, Any] = {"in_a": port_in(SIZE), "in_b": port_in(SIZE)}
    nodes |= {f"fc{k}": _affine(60 + 2 * k) for k in range(3)}
    nodes |= {"lif": lif(threshold=60), "out_y": port_out(SIZE), "out_z": port_out(SIZE)}
    return graph(
        nodes,
        "in_a -> fc0 -> lif -> out_y",
        "in_b -> fc1 -> lif",
        "in_a -> fc2 -> lif",
        "in_a -> fc2",
        "in_b -> lif",
        "in_b -> lif",
        "fc2 -> out_z",
    )


def _delays(*steps: int) -> nir.NIRGraph:
    return chain((SIZE,), (SIZE,), nir.Delay(np.array(steps, float)), lif(threshold=1))


def _ring() -> nir.NIRGraph:
    nodes = {
        "input": port_in(SIZE),
        "lif": lif(threshold=2),
        "delay": nir.Delay(np.array([1.0, 2.0, 4.0])),
        "w": nir.Linear(_kernel(70, SIZE, SIZE)),
        "output": port_out(SIZE),
    }
    return graph(nodes, "input -> lif -> output", "lif -> delay -> w -> lif")


FLAT: Any = np.array([2, 2, 3])
BOTH = {"in_a": XS, "in_b": SPIKES}
MIXED = {
    "fc": {"arithmetic": {"weight_shift": -2, "bias_shift": 3}},
    "a": {"arithmetic": {"membrane_bits": 7, "membrane_overflow": "wrap", "synapse_bits": 9}},
    "b": {"arithmetic": {"decay": "shift", "membrane_bits": 8}, "reset": "subtract"},
    "input": {"arithmetic": {"input_shift": 2}},
}
OF_A_SUBGRAPH = {
    "net": {"arithmetic": {"membrane_bits": 8, "weight_shift": 1}},
    "net/sub/n1": {"arithmetic": {"threshold_shift": 1}},
}

CASES = (
    *(_shift("weight_shift", value) for value in (0, 6, 20, -1, -4, -12, -31)),
    *(_shift("bias_shift", value) for value in (0, 3, 20)),
    *(_shift("input_shift", value) for value in (0, 4, 15)),
    *(_shift("threshold_shift", value) for value in (0, 4, 20)),
    _shift("threshold_shift", 2, reset="subtract", spikes="multi"),
    case(
        "weight_shift of -3, negative sums",
        chain((SIZE,), (SIZE,), nir.Linear(-np.eye(SIZE) * [1, 3, 9]), li()),
        np.abs(XS) + 1,
        {"weight_shift": -3},
    ),
    case(
        "weights of 1 bit", chain((3,), (3,), nir.Linear(-np.eye(3)), li()), XS, {"weight_bits": 1}
    ),
    case(
        "weights at their limits",
        chain((2,), (3,), nir.Linear(np.array([[-128.0, 127], [127, -128], [127, 127]])), li()),
        XS[..., :2],
    ),
    case("spikes into a product", _layers(threshold=30), SPIKES),
    _conv(
        "conv1d",
        (2, 7),
        (3, 5),
        nir.Conv1d(None, _kernel(31, 3, 2, 3), 1, 0, 1, 1, _bias(32, 3)),
        weight_shift=2,
        bias_shift=4,
    ),
    _conv(
        "conv1d, groups and dilation, shifted down",
        (4, 9),
        (4, 7),
        nir.Conv1d(None, _kernel(33, 4, 2, 2), 1, 0, 2, 2, _bias(34, 4)),
        weight_shift=-3,
        bias_shift=1,
    ),
    _conv(
        "conv2d, same",
        (2, 4, 4),
        (2, 4, 4),
        nir.Conv2d(None, _kernel(35, 2, 2, 3, 2), 1, "same", 1, 1, _bias(36, 2)),
        nir.Threshold(np.full((2, 4, 4), 30.0)),
        weight_shift=-1,
    ),
    _conv(
        "conv2d, strides and padding",
        (1, 5, 4),
        (2, 3, 2),
        nir.Conv2d(None, _kernel(37, 2, 1, 3, 3), 2, 1, 1, 1, _bias(38, 2)),
        weight_shift=1,
        bias_shift=2,
    ),
    _conv("sum-pool", (2, 4, 6), (2, 2, 2), _pool(nir.SumPool2d, 2, 3)),
    _conv("avg-pool of 4", (2, 4, 4), (2, 2, 2), _pool(nir.AvgPool2d, 2, 2)),
    _conv("avg-pool of 8, padded", (1, 6, 6), (1, 4, 2), _pool(nir.AvgPool2d, 2, 4, 1)),
    _conv("avg-pool of 1", (1, 2, 2), (1, 2, 2), _pool(nir.AvgPool2d, 1, 1)),
    _conv("flatten", (2, 2, 3), (12,), nir.Flatten(FLAT, 0, -1)),
    case("scale", nir.Scale(np.array([-3.0, 0.0, 7.0])), XS, {"weight_shift": 2, "bias_shift": 1}),
    *(
        case(
            f"threshold node, {ties}", nir.Threshold(np.array([-1.0, 0.0, 2.0])), XS, threshold=ties
        )
        for ties in ("gt", "ge")
    ),
    case("delay per element", _delays(0, 1, 5), XS),
    case("delay of whole steps", _delays(2, 2, 2), XS),
    case("delay in a ring", _ring(), XS, WIDE),
    *(
        case(f"feedback of two neurons, {first}", _looped(), XS, own, feedback_initial=first)
        for first in ("silent", "zero")
        for own in [{"bias_shift": 2, "input_shift": 1, "membrane_bits": 10}]
    ),
    case(
        "feedback on every edge", _looped(), XS, feedback="component", spikes="multi", max_spikes=3
    ),
    case(
        "feedback of a recurrent layer",
        recurrent(SIZE, lif(threshold=2), nir.Linear(_kernel(44, SIZE, SIZE))),
        XS,
        {"membrane_bits": 7, "weight_shift": 1, "membrane_overflow": "wrap"},
        reset="subtract",
    ),
    case("nested twice, input shifted", _nested(), XS, {"input_shift": 2}),
    case("nested twice, overrides", _nested(), XS, {"bias_shift": 1}, overrides=OF_A_SUBGRAPH),
    case("fan-in of several Inputs", _fan_in(), BOTH, {"input_shift": 1, "membrane_bits": 9}),
    case("arithmetic of each node", _looped(), XS, overrides=MIXED),
    case("from a state: two neurons", _looped(), XS[9:], {"membrane_bits": 8}, XS[:9]),
    case("from a state: a ring", _ring(), XS[5:], {"membrane_bits": 8}, XS[:5], reset_when="next"),
    case("one step", _looped(), XS[:1]),
    case("no batch", _nested(), XS[:, 0]),
    case("batches of two axes", _nested(), XS.reshape(STEPS // 2, 2, BATCH, SIZE)),
)
