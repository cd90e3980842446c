"""Train the demo's network with nirx_torch and write it as `digits.nir`.

`python -m nirx_conformance.demo.train` takes about half a minute on two cores. The resulting
file is committed: `make demo` runs it without training.
"""

from __future__ import annotations

from pathlib import Path

import nir
import numpy as np

import nirx
from nirx_conformance.demo.digits import Digits, load_digits

__all__ = ["DISCRETIZATION", "NETWORK", "initial_graph", "train"]

NETWORK = Path(__file__).with_name("digits.nir")
DISCRETIZATION = nirx.Discretization(dt=1e-3)
HIDDEN = 100
EPOCHS = 40
BATCH = 100
KEEP = 0.7
"""Fraction of the input spikes kept in a training step, against overfitting."""


def initial_graph(seed: int = 0) -> nir.NIRGraph:
    """Input -> Affine -> CubaLIF with a recurrent Linear -> Affine -> LI -> Output, untrained."""
    random = np.random.default_rng(seed)

    def weight(out: int, into: int, scale: float) -> np.ndarray:
        return (random.standard_normal((out, into)) * scale / np.sqrt(into)).astype(np.float32)

    def full(value: float, size: int) -> np.ndarray:
        return np.full(size, value, np.float32)

    return nir.NIRGraph(
        nodes={
            "input": nir.Input({"input": np.array([64])}),
            "fc1": nir.Affine(weight(HIDDEN, 64, 8.0), full(0, HIDDEN)),
            "lif": nir.CubaLIF(
                tau_syn=full(5e-3, HIDDEN),
                tau_mem=full(10e-3, HIDDEN),
                r=full(1, HIDDEN),
                v_leak=full(0, HIDDEN),
                v_threshold=full(1, HIDDEN),
                v_reset=full(0, HIDDEN),
                w_in=full(1, HIDDEN),
            ),
            "recurrent": nir.Linear(weight(HIDDEN, HIDDEN, 2.0)),
            "fc2": nir.Affine(weight(10, HIDDEN, 2.0), full(0, 10)),
            "readout": nir.LI(tau=full(20e-3, 10), r=full(1, 10), v_leak=full(0, 10)),
            "output": nir.Output({"output": np.array([10])}),
        },
        edges=[
            ("input", "fc1"),
            ("fc1", "lif"),
            ("lif", "recurrent"),
            ("recurrent", "lif"),
            ("lif", "fc2"),
            ("fc2", "readout"),
            ("readout", "output"),
        ],
        type_check=False,
    )


def train(digits: Digits, epochs: int = EPOCHS, seed: int = 0) -> nir.NIRGraph:
    """Train the weights (not the time constants) and return the trained graph.

    Arguments:
        digits: spikes [time, digit, 64] and labels.
        seed: of the initial weights and of the order of the digits.
    """
    import torch

    import nirx_torch

    graph = initial_graph(seed)
    net = nirx_torch.from_nir(graph, DISCRETIZATION, surrogate="superspike")
    trained = [p for name, p in net.named_parameters() if name.endswith(("weight", "bias"))]
    optimiser = torch.optim.AdamW(trained, weight_decay=1e-2)
    spikes = torch.from_numpy(digits.spikes.astype(np.float32))
    labels = torch.from_numpy(digits.labels)
    steps = epochs * -(-len(labels) // BATCH)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=steps)
    random = torch.Generator().manual_seed(seed)
    for epoch in range(epochs):
        correct = 0
        for chosen in torch.randperm(len(labels), generator=random).split(BATCH):
            shown = spikes[:, chosen]
            shown = shown * (torch.rand(shown.shape, generator=random) < KEEP)
            voltages, _ = net.run(shown)
            scores = voltages.mean(0)
            loss = torch.nn.functional.cross_entropy(
                3 * scores, labels[chosen], label_smoothing=0.1
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rate.step()
            correct += int((scores.argmax(-1) == labels[chosen]).sum())
        print(f"epoch {epoch + 1:2d}: {correct / len(labels):.1%} of the training digits")
    for name, module in net.modules_by_path.items():
        for key, value in module.named_parameters():
            setattr(graph.nodes[name], key, value.detach().numpy().copy())
    return graph


if __name__ == "__main__":
    nirx.write(NETWORK, train(load_digits()[0]), DISCRETIZATION)
    print(f"wrote {NETWORK}, {NETWORK.stat().st_size / 1000:.0f} kB")
