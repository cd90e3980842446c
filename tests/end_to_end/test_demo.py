"""The shipped network reads held-out digits, and all backends agree on it."""

import nir
import numpy as np
import pytest

import nirx
from nirx_conformance.demo.__main__ import main
from nirx_conformance.demo.digits import STEPS, load_digits, spike_trains
from nirx_conformance.demo.train import DISCRETIZATION, NETWORK, train


def test_the_network_is_small_recurrent_and_carries_its_discretization():
    graph = nirx.read(NETWORK)
    schedule = nirx.schedule(graph)
    assert NETWORK.stat().st_size < 300_000
    assert schedule.discretization == DISCRETIZATION
    assert schedule.feedback_edges == (("recurrent", "lif"),)
    assert isinstance(graph.nodes["lif"], nir.CubaLIF)
    assert isinstance(graph.nodes["readout"], nir.LI)


def test_spike_trains_are_regular_and_follow_the_brightness():
    trains = spike_trains(np.array([[0.0, 0.25, 1.0]]))
    assert trains.shape == (STEPS, 1, 3)
    assert trains.sum(axis=0).tolist() == [[0, STEPS // 8, STEPS // 2]]


@pytest.mark.slow
def test_the_demo_succeeds_and_reports_accuracy_and_digests(tmp_path, capsys):
    assert main(["--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for name in ("numpy", "torch", "jax"):
        (row,) = [line for line in printed.splitlines() if f"│ {name}" in line and "%" in line]
        assert float(row.split("│")[2].strip(" %")) > 90
    assert "no divergence" in printed
    assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")
    digests = [line.split()[-1] for line in printed.splitlines() if "SHA-256" in line]
    assert len(digests) == 3
    assert len(set(digests)) == 1


@pytest.mark.slow
def test_the_training_script_trains(capsys):
    digits, _ = load_digits()
    train(digits, epochs=3)
    shares = [float(line.split()[2].strip("%")) for line in capsys.readouterr().out.splitlines()]
    assert shares[-1] > shares[0]
    assert shares[-1] > 60
