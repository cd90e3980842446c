"""`nirx.readouts`: values by hand, gradients equal on both backends, whatever the run."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

import nirx
from nirx import readouts
from support.graphs import recurrent
from support.losses import gradients

RULE = nirx.Discretization(dt=1e-3)

SPIKES = np.array([[0, 1, 0], [1, 1, 0], [0, 0, 0], [1, 0, 0]], np.float64)
MEMBRANE = np.array([[0.5, -2.0], [0.25, -4.0], [0.75, -3.0]])

VALUES: list[tuple[Any, np.ndarray, list[float]]] = [
    (readouts.spike_count, SPIKES, [2, 2, 0]),
    (readouts.rate, SPIKES, [0.5, 0.5, 0]),
    (lambda z: readouts.rate(z, dt=0.5), SPIKES, [1, 1, 0]),
    (readouts.first_spike, SPIKES, [1, 0, 4]),
    (lambda z: readouts.first_spike(z, dt=0.5), SPIKES, [0.5, 0, 2]),
    (readouts.max_membrane, MEMBRANE, [0.75, -2]),
    (readouts.mean_membrane, MEMBRANE, [0.5, -3]),
    (readouts.last, MEMBRANE, [0.75, -3]),
]


@pytest.mark.parametrize(("readout", "array", "expected"), VALUES)
@pytest.mark.parametrize("make", [np.asarray, torch.from_numpy, jnp.asarray])
def test_values(make, readout, array, expected):
    np.testing.assert_allclose(np.asarray(readout(make(array))), expected)


def test_the_gradient_of_a_latency_reaches_the_steps_before_the_second_spike():
    z = torch.tensor([0.0, 1.0, 0.0, 1.0, 0.0], requires_grad=True)
    readouts.first_spike(z).backward()
    # without the spike of step 1 the latency would be 3: two steps later
    assert z.grad is not None
    assert z.grad.tolist() == [-1, -2, 0, 0, 0]


def test_equal_maxima_share_the_gradient():
    v = torch.zeros(4, requires_grad=True)
    readouts.max_membrane(v).backward()
    assert v.grad is not None
    assert v.grad.tolist() == [0.25] * 4


def loss(ys: Any, rec: Any) -> Any:
    spikes, v = rec["lif"], rec["li.v"]
    parts = [
        (readouts.spike_count(spikes) - 3) ** 2,
        readouts.rate(spikes, dt=1e-3) / 100,
        readouts.first_spike(spikes),
        readouts.max_membrane(v) ** 2,
        readouts.mean_membrane(rec["lif.v"]),
        readouts.last(v) * readouts.last(ys),
    ]
    return sum(part.sum() for part in parts)


def test_a_loss_on_recordings_has_the_same_gradients_on_both_backends():
    xs = 0.7 * np.random.default_rng(0).random((60, 2, 3))
    given = recurrent(), RULE, xs, loss, ["lif", "lif.v", "li.v"]
    (_, _, rec), expected = gradients("torch", *given)
    assert 0 < rec["lif"].mean() < 1
    for backend in ("torch", "jax"):
        _, found = gradients(backend, *given, checkpoint=True)
        assert found.keys() == expected.keys()
        for key, g in expected.items():
            assert (g != 0).any(), key
            np.testing.assert_allclose(found[key], g, rtol=1e-12, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("name", ["rate", "max_membrane", "mean_membrane", "last"])
def test_no_steps_are_refused(name):
    with pytest.raises(nirx.InputError, match=rf"readouts\.{name}: the recording has no steps"):
        getattr(readouts, name)(np.zeros((0, 3)))


def test_no_axes_are_refused():
    with pytest.raises(nirx.InputError, match=r"readouts\.spike_count: .* got a float"):
        readouts.spike_count(1.0)
