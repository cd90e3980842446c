"""The picture of docs/training.md: one training on torch, on JAX, and handed over in the middle.

    .venv/bin/python -m nirx_conformance.demo.hand_over docs/training.svg

All three start from one seed and see the same digits in the same order, in float64.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any, Protocol

import numpy as np

import nirx
from nirx.files.whole_file import whole_file
from nirx_conformance.demo.digits import load_digits
from nirx_conformance.demo.train import DISCRETIZATION, initial_graph

__all__ = ["JaxTraining", "TorchTraining", "batches", "curves", "draw"]

STEPS = 100
EPOCH = 12
"""Training steps of one pass over the digits."""

HANDED_OVER = 2 * EPOCH
BATCH = 100
RATE = 2e-3
"""At 5e-3 rounding, which Adam enlarges, flips a spike after some 80 steps."""

TRAINED = ("fc1", "fc2", "recurrent", "*.tau*")

Batch = tuple[np.ndarray, np.ndarray]


class Training(Protocol):
    """A network in training on one backend."""

    def step(self, spikes: np.ndarray, labels: np.ndarray) -> float:
        """Train on one batch; returns the loss before the step."""
        ...

    def give(self) -> tuple[Any, Any]:
        """The parameters and the optimizer's moments, as NumPy arrays by name."""
        ...

    def take(self, parameters: Any, moments: Any) -> None:
        """Go on from these."""
        ...


def batches(seed: int = 0) -> Iterator[Batch]:
    """Spikes [time, batch, 64] and labels [batch], in the same order every time."""
    digits, _ = load_digits()
    random = np.random.default_rng(seed)
    while True:
        for chosen in random.permutation(len(digits.labels)).reshape(EPOCH, BATCH):
            yield digits.spikes[:, chosen].astype(np.float64), digits.labels[chosen]


def _network(backend: str) -> Any:
    net = nirx.from_nir(initial_graph(), backend, DISCRETIZATION, "float64")
    return nirx.parametrize(net, "*.tau*", positive="softplus", shared=True)


class TorchTraining:
    """See `Training`."""

    def __init__(self) -> None:
        import torch

        self.net = _network("torch")
        nirx.trainable(self.net, *TRAINED)
        own = [p for p in self.net.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(own, RATE, weight_decay=1e-2)

    def step(self, spikes: np.ndarray, labels: np.ndarray) -> float:
        import torch

        voltages, _ = self.net.run(torch.from_numpy(spikes))
        loss = torch.nn.functional.cross_entropy(3 * voltages.mean(0), torch.from_numpy(labels))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def give(self) -> tuple[Any, Any]:
        import nirx_torch

        moments = nirx_torch.get_moments(self.net, self.optimizer)
        return nirx_torch.parameters_to_numpy(self.net), moments

    def take(self, parameters: Any, moments: Any) -> None:
        import nirx_torch

        nirx_torch.load_parameters(self.net, parameters)
        nirx_torch.set_moments(self.net, self.optimizer, moments)


class JaxTraining:
    """See `Training`. JAX's x64 mode has to be on."""

    def __init__(self) -> None:
        import equinox as eqx
        import optax  # pyright: ignore[reportMissingImports] # of the extra dev

        self.net = _network("jax")
        spec = nirx.trainable(self.net, *TRAINED)
        optimizer = optax.adamw(RATE, weight_decay=1e-2)
        self.state = optimizer.init(eqx.filter(self.net, spec))

        def loss(trained: Any, other: Any, spikes: Any, labels: Any) -> Any:
            voltages, _ = eqx.combine(trained, other).run(spikes)
            scores = 3 * voltages.mean(0)
            return optax.softmax_cross_entropy_with_integer_labels(scores, labels).mean()

        @eqx.filter_jit
        def step(net: Any, state: Any, spikes: Any, labels: Any) -> Any:
            trained, other = eqx.partition(net, spec)
            value, gradient = eqx.filter_value_and_grad(loss)(trained, other, spikes, labels)
            updates, state = optimizer.update(gradient, state, trained)
            return eqx.combine(eqx.apply_updates(trained, updates), other), state, value

        self._step = step

    def step(self, spikes: np.ndarray, labels: np.ndarray) -> float:
        self.net, self.state, value = self._step(self.net, self.state, spikes, labels)
        return float(value)

    def give(self) -> tuple[Any, Any]:
        import nirx_jax

        moments = nirx_jax.get_moments(self.net, self.state)
        return nirx_jax.parameters_to_numpy(self.net), moments

    def take(self, parameters: Any, moments: Any) -> None:
        import nirx_jax

        self.net = nirx_jax.load_parameters(self.net, parameters)
        self.state = nirx_jax.set_moments(self.net, self.state, moments)


def curves(steps: int = STEPS, handed_over: int = HANDED_OVER) -> dict[str, np.ndarray]:
    """The loss of every step: on torch, on JAX, and on torch up to a step and then on JAX.

    The third is the same run as the first up to there: its first losses are the first's.

    **Raises**: `UnsupportedError` without scikit-learn.
    """
    import jax

    def losses(training: Training, given: Iterator[Batch], count: int) -> list[float]:
        return [training.step(*batch) for batch in islice(given, count)]

    with jax.enable_x64(True):
        one, given = TorchTraining(), batches()
        before = losses(one, given, handed_over)
        parameters, moments = one.give()
        torch = before + losses(one, given, steps - handed_over)
        other = JaxTraining()
        alone = losses(other, batches(), steps)
        other.take(parameters, moments)  # replaces all that its own training left
        after = losses(other, islice(batches(), handed_over, None), steps - handed_over)
    return {
        name: np.array(own)
        for name, own in (("torch", torch), ("JAX", alone), ("torch, then JAX", before + after))
    }


def draw(path: str, found: dict[str, np.ndarray], handed_over: int = HANDED_OVER) -> None:
    """Write the picture."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "nirx"  # the same bytes every time
    from matplotlib import pyplot

    figure, (above, below) = pyplot.subplots(
        2, 1, figsize=(8, 4.2), sharex=True, height_ratios=(2, 1), layout="constrained"
    )
    styles = {
        "torch": ("#d9730d", 5, "-"),
        "JAX": ("#0b6e99", 2.5, "-"),
        "torch, then JAX": ("#111", 1, "--"),
    }
    for name, losses in found.items():
        colour, width, line = styles[name]
        above.plot(losses, line, color=colour, linewidth=width, label=name)
        if name != "torch":
            apart = np.maximum(np.abs(losses - found["torch"]), 1e-17)
            below.semilogy(apart, line, color=colour, linewidth=1.2)
    for axes in (above, below):
        axes.axvline(handed_over, color="#888", linestyle=":", linewidth=1)
        axes.spines[["top", "right"]].set_visible(False)
    above.annotate(
        "weights and moments handed over", (handed_over + 1, above.get_ylim()[1]), va="top"
    )
    above.set(ylabel="loss", xlim=(0, len(found["torch"]) - 1))
    above.legend(frameon=False)
    below.set(xlabel="training step", ylabel="distance from torch", ylim=(1e-17, 1e-5))
    below.axhline(1e-6, color="#888", linewidth=1)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})


def main(path: str) -> None:
    """Train, print the table of docs/training.md, and draw."""
    found = curves()
    print("| step | " + " | ".join(found) + " |\n|" + "---|" * (len(found) + 1))
    for step in (0, 10, HANDED_OVER - 1, HANDED_OVER, HANDED_OVER + 1, 50, STEPS - 1):
        print(f"| {step} | " + " | ".join(f"{own[step]:.12f}" for own in found.values()) + " |")
    for name, own in found.items():
        print(f"largest distance from torch, {name}: {np.abs(own - found['torch']).max():.2g}")
    draw(path, found)


if __name__ == "__main__":
    main(sys.argv[1])
