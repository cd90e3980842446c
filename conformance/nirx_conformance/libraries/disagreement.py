"""The picture of the README: one file, two simulators, and the step at which they diverge.

    .venv-libraries/bin/python -m nirx_conformance.libraries.disagreement docs/disagreement.svg

Norse's own importer runs a LIF layer with a nonzero leak potential. Norse starts the membrane
potential at v_leak, NIR's default in nirx is 0.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import Any

import nir
import numpy as np

import nirx
from nirx.files.whole_file import whole_file
from nirx_conformance.libraries import importers

__all__ = ["compared", "draw", "graph"]

DT = 1e-4
NEURONS = 6


def graph() -> nir.NIRGraph:
    """4 inputs -> Affine -> 6 LIF with v_leak = 0.3."""
    random = np.random.default_rng(3)
    one = np.ones(NEURONS, np.float32)
    nodes = {
        "input": nir.Input({"input": np.array([4])}),
        "fc": nir.Affine(6 * random.random((NEURONS, 4)).astype(np.float32), 0.1 * one),
        "lif": nir.LIF(
            tau=0.01 * one, r=one, v_leak=0.3 * one, v_threshold=one, v_reset=np.zeros_like(one)
        ),
        "output": nir.Output({"output": np.array([NEURONS])}),
    }
    names = list(nodes)
    return nir.NIRGraph(nodes, list(pairwise(names)))


def compared() -> tuple[nirx.Comparison, dict[str, np.ndarray]]:
    """The comparison, and the spikes `[time, neurons]` by simulator."""
    xs = np.random.default_rng(0).random((80, 1, 4)).astype(np.float32)
    spikes: dict[str, np.ndarray] = {}

    def norse(inputs: Any, state: Any = None, record: Any = ()) -> Any:
        output = importers.norse(graph(), DT, 1).run(np.asarray(inputs))
        spikes["Norse"] = output[:, 0]
        return output, {}, {"lif": output}

    rule = nirx.Discretization(dt=DT)
    spikes["nirx"] = nirx.from_nir(graph(), "numpy", rule).run(xs)[0][:, 0]
    found = nirx.compare(
        graph(), xs, backends=("numpy", norse), discretization=rule, record=["lif"]
    )
    return found, spikes


def draw(path: str) -> None:
    """Write the picture and print the comparison."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "nirx"  # the same bytes every time
    from matplotlib import pyplot

    found, spikes = compared()
    print(found)
    first = found.first_divergence
    assert first is not None
    figure, axes = pyplot.subplots(figsize=(8, 2.6), layout="constrained")
    colours = {"nirx": "#0b6e99", "Norse": "#d9730d"}
    for offset, (name, own) in zip((0.17, -0.17), spikes.items(), strict=True):
        steps, neurons = np.nonzero(own)
        axes.scatter(
            steps, neurons + offset, marker="|", s=90, linewidths=2, color=colours[name], label=name
        )
    axes.axvline(first.step, color="#888", linestyle="--", linewidth=1)
    axes.annotate(
        f"first divergence:\nstep {first.step}, node lif, neuron {first.index[-1]}",
        (first.step, NEURONS + 0.9),
        xytext=(4, 0),
        textcoords="offset points",
        va="top",
    )
    axes.set(
        xlabel="time step",
        ylabel="neuron",
        yticks=range(NEURONS),
        ylim=(-0.5, NEURONS + 1),
        xlim=(0, 80),
    )
    axes.legend(loc="upper right", ncols=2, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    draw(sys.argv[1])
