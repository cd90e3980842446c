"""CubaLI and CubaLIF, step by step, by hand."""

from __future__ import annotations

import math
from typing import Any

import nir
import pytest

import nirx
from support.graphs import neuron
from support.one_node import history


def run(node: Any, xs: list[float], **choices: Any) -> tuple[list[float], ...]:
    """Outputs, membrane potentials and synaptic currents."""
    return history(node, xs, "vi", **choices)


def cuba(leak: float = 0.0) -> nir.CubaLI:
    """i' = i + 0.25*(2*x - i); v' = v + 0.5*((leak - v) + 4*i)."""
    return neuron(nir.CubaLI, 1, tau_syn=4.0, tau_mem=2.0, r=4.0, w_in=2.0, v_leak=leak)


def cubalif() -> nir.CubaLIF:
    """The same with v_threshold = 1 and v_reset = -1."""
    return neuron(nir.CubaLIF, 1, tau_syn=4.0, tau_mem=2.0, r=4.0, w_in=2.0, v_reset=-1.0)


def test_current_first_and_scaled():
    ys, vs, currents = run(cuba(), [8, 0])
    i1 = 0.25 * (16 - 0)
    i2 = i1 - 0.25 * i1
    v1 = 0.5 * (4 * i1)
    v2 = v1 + 0.5 * (-v1 + 4 * i2)
    assert (currents, vs, ys) == ([i1, i2], [v1, v2], [v1, v2])


def test_voltage_first_uses_the_old_current():
    _, vs, currents = run(cuba(), [8, 0, 0], synapse="voltage-first")
    assert currents == [4, 3, 2.25]
    assert vs == [0, 8, 4 + 6]


def test_a_jump_is_not_scaled():
    _, vs, currents = run(cuba(), [1, 1], synapse_input="jump")
    assert currents == [2, 2 - 0.5 + 2]
    assert vs == [4, 2 + 7]


def test_jump_then_decay_decays_in_the_same_step():
    assert run(cuba(), [1, 1], synapse_input="jump-then-decay")[2] == [1.5, 3.5 - 0.875]


def test_the_exponential_integrator_uses_both_time_constants():
    _, vs, currents = run(cuba(), [8, 0], integrator="exponential")
    a, b = -math.expm1(-0.5), -math.expm1(-0.25)
    i1 = b * 16
    i2 = i1 - b * i1
    v1 = a * 4 * i1
    assert currents == pytest.approx([i1, i2], rel=1e-14)
    assert vs == pytest.approx([v1, v1 + a * (4 * i2 - v1)], rel=1e-14)


def test_the_leak_of_cuba():
    assert run(cuba(leak=2.0), [0, 0])[0] == [1, 1.5]
    assert run(cuba(leak=2.0), [0, 0], initial_v="leak")[0] == [2, 2]
    assert run(cuba(leak=2.0), [0], initial_v="leak")[2] == [0]


def test_old_output_of_cuba():
    assert run(cuba(), [8, 0], reset="none", output="old")[0] == [0, 8]


def test_cubalif_resets_v_and_never_i():
    ys, vs, currents = run(cubalif(), [1, 0, 0])
    assert currents == [0.5, 0.375, 0.28125]
    assert (ys, vs) == ([0, 1, 0], [1, -1, -0.5 + 0.5625])  # 1 is not above 1; then 1.25 is


@pytest.mark.parametrize(
    ("choices", "ys", "vs"),
    [
        ({"threshold": "ge"}, [1, 0], [-1, 0.25]),
        ({"reset": "subtract"}, [0, 1], [1, 0.25]),
        ({"reset": "none"}, [0, 1], [1, 1.25]),
        ({"reset_when": "next"}, [0, 1], [1, 1.25]),
        ({"synapse": "voltage-first"}, [0, 0], [0, 1]),
        ({"synapse_input": "jump"}, [1, 1], [-1, -1]),
        ({"spikes": "multi", "reset": "subtract"}, [1, 0], [0, 0.75]),
    ],
    ids=str,
)
def test_choices_of_cubalif(choices, ys, vs):
    assert run(cubalif(), [1, 0], **choices)[:2] == (ys, vs)


def test_cubalif_resets_late():
    # v: 3 spikes (x = 3); next: 1.5 + 2.25 = 3.75, then -1; next-leaked: -1 -> -0.5 + 2.25
    assert run(cubalif(), [3, 0], reset_when="next")[:2] == ([1, 0], [3, -1])
    assert run(cubalif(), [3, 0], reset_when="next-leaked")[:2] == ([1, 1], [3, 1.75])


def test_the_choices_of_the_spyx_preset_together():
    d = nirx.PRESETS["spyx.CuBaLIF"]
    assert (d.synapse_input, d.reset_when, d.output) == ("jump", "next-leaked", "old")
    ys, vs, currents = run(
        cubalif(), [1, 0, 0], synapse_input="jump", reset="subtract", reset_when="next-leaked",
        output="old",
    )  # fmt: skip
    assert currents == [2, 1.5, 1.125]
    v1 = 4.0
    v2 = (v1 - 1) / 2 + 3
    assert vs == [v1, v2, (v2 - 1) / 2 + 2.25]
    assert ys == [0, 1, 1]
