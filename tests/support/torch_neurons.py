"""Every neuron class that the torch libraries export, as a module that nirx can read.

`python tests/support/torch_neurons.py` prints the table of docs/neurons.md.
"""

# The libraries are not in .venv, where types are checked.
# pyright: reportMissingImports=false, reportArgumentType=false, reportCallIssue=false

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn

from support.neuron_rows import outcome_of, table_of

__all__ = ["LIBRARIES", "SIZE", "neurons_of", "outcome", "surroundings", "table"]

SIZE = 4
LIBRARIES = ("norse", "snntorch", "sinabs", "spikingjelly", "rockpool")

Build = Callable[[], nn.Module]


def neurons_of(library: str) -> dict[str, Build]:
    """The classes of a library, each with a function that makes one for `SIZE` neurons."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return globals()[f"_{library}"]()


def _norse() -> dict[str, Build]:
    import norse.torch as norse
    from norse.torch.functional import izhikevich

    found: dict[str, Build] = {}
    for name in ("IAF", "LI", "LIF", "LIFAdEx", "LIFEx", "LSNN"):
        found[name] = getattr(norse, name)
    for name in ("IAF", "LIBox", "LI", "LIFBox", "LIF", "LIFAdEx", "LIFAdExRefrac", "LIFEx"):
        found[f"{name}Cell"] = getattr(norse, f"{name}Cell")
    for name in ("LIFRefrac", "LSNN"):
        found[f"{name}Cell"] = getattr(norse, f"{name}Cell")
    recurrent = ("LIF", "LIFAdEx", "LIFAdExRefrac", "LIFEx", "LIFRefrac", "LSNN")
    with_weights = [f"{name}Recurrent" for name in recurrent]
    with_weights += [f"{name}RecurrentCell" for name in (*recurrent, "LIFMC", "LIFMCRefrac")]
    with_weights += ["CobaLIFCell", "LILinearCell", "LIFCorrelation"]
    for name in with_weights:
        found[name] = lambda name=name: getattr(norse, name)(SIZE, SIZE)
    behaviour = izhikevich.tonic_spiking
    found["Izhikevich"] = lambda: norse.Izhikevich(behaviour)
    found["IzhikevichCell"] = lambda: norse.IzhikevichCell(behaviour)
    for name in ("IzhikevichRecurrent", "IzhikevichRecurrentCell"):
        found[name] = lambda name=name: getattr(norse, name)(SIZE, SIZE, behaviour)
    return found


def _snntorch() -> dict[str, Build]:
    import snntorch as snn

    inside: Any = {"init_hidden": True, "output": False}
    return {
        "Alpha": lambda: snn.Alpha(alpha=0.9, beta=0.8, **inside),
        "AssociativeLeaky": lambda: snn.AssociativeLeaky(SIZE, 2, 2, 4),
        "DeltaLeaky": lambda: snn.DeltaLeaky(beta=0.9, **inside),
        "GradedSpikes": lambda: snn.GradedSpikes(SIZE, 1.5),
        "Lapicque": lambda: snn.Lapicque(beta=0.8, **inside),
        "Leaky": lambda: snn.Leaky(beta=0.8, **inside),
        "LeakyParallel": lambda: snn.LeakyParallel(SIZE, SIZE),
        "LinearLeaky": lambda: snn.LinearLeaky(beta=0.8, in_features=SIZE, out_features=SIZE),
        "RLeaky": lambda: snn.RLeaky(beta=0.8, linear_features=SIZE, **inside),
        "RSynaptic": lambda: snn.RSynaptic(alpha=0.9, beta=0.8, linear_features=SIZE, **inside),
        "SConv2dLSTM": lambda: snn.SConv2dLSTM(SIZE, SIZE, 3, **inside),
        "SLSTM": lambda: snn.SLSTM(SIZE, SIZE, **inside),
        "StateLeaky": lambda: snn.StateLeaky(beta=0.8, channels=SIZE),
        "Synaptic": lambda: snn.Synaptic(alpha=0.9, beta=0.8, **inside),
    }


def _sinabs() -> dict[str, Build]:
    import sinabs.layers as sl

    loop = lambda: nn.Linear(SIZE, SIZE, bias=False)  # noqa: E731
    return {
        "ALIF": lambda: sl.ALIF(tau_mem=10.0, tau_adapt=10.0),
        "ALIFRecurrent": lambda: sl.ALIFRecurrent(10.0, 10.0, loop()),
        "ExpLeak": lambda: sl.ExpLeak(tau_mem=10.0),
        "ExpLeakSqueeze": lambda: sl.ExpLeakSqueeze(batch_size=1, tau_mem=10.0),
        "IAF": lambda: sl.IAF(),
        "IAFRecurrent": lambda: sl.IAFRecurrent(loop()),
        "IAFSqueeze": lambda: sl.IAFSqueeze(batch_size=1),
        "LIF": lambda: sl.LIF(tau_mem=10.0),
        "LIFRecurrent": lambda: sl.LIFRecurrent(10.0, loop()),
        "LIFSqueeze": lambda: sl.LIFSqueeze(batch_size=1, tau_mem=10.0),
    }


def _spikingjelly() -> dict[str, Build]:
    from spikingjelly.activation_based import neuron as sj

    table = lambda: sj.FewSpikeTable(  # noqa: E731
        torch.ones(4), torch.tensor([4.0, 2.0, 1.0, 0.5]), torch.tensor([4.0, 2.0, 1.0, 0.5])
    )

    def act(x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x)

    found: dict[str, Build] = {
        name: getattr(sj, name)
        for name in (
            "CUBALIFNode", "EIFNode", "HalfThresholdIFNode", "IFNode", "ILIFNode", "IzhikevichNode",
            "KLIFNode", "LIFNode", "ComplementaryLIFNode", "NonSpikingIFNode", "NonSpikingLIFNode",
            "OTTTLIFNode", "ParametricLIFNode", "QIFNode", "RAFNode", "SLTTLIFNode", "SimpleIFNode",
            "TernaryIFNode", "TernaryLIFNode", "DSRIFNode", "DSRLIFNode", "ActivationAwareIFNode",
        )
    }  # fmt: skip
    for name in ("NoisyCUBALIFNode", "NoisyNonSpikingIFNode"):
        found[name] = lambda name=name: getattr(sj, name)(SIZE)
    for name in ("ILCCUBALIFNode", "ILCIFNode", "ILCLIFNode", "NoisyILCCUBALIFNode"):
        found[name] = lambda name=name: getattr(sj, name)(2, 2)
    return {
        **found,
        "FewSpikeNode": lambda: sj.FewSpikeNode(table()),
        "FlexSN": lambda: sj.FlexSN(
            lambda x, v: (((v + x) > 1).float(), 0.5 * (v + x)), 1, step_mode="s"
        ),
        "GatedLIFNode": lambda: sj.GatedLIFNode(T=4),
        "HGNode": lambda: sj.HGNode([table(), table()], [0.5]),
        "LIAFNode": lambda: sj.LIAFNode(act, False),
        "MPBNLIFNode": lambda: sj.MPBNLIFNode(out_features=SIZE),
        "MaskedPSN": lambda: sj.MaskedPSN(k=2, T=4),
        "OutlierAwareThresholdNode": lambda: sj.OutlierAwareThresholdNode(table(), table(), 1.0),
        "PSN": lambda: sj.PSN(T=4),
        "STBIFNode": lambda: sj.STBIFNode(1.0, 8),
        "SimpleLIFNode": lambda: sj.SimpleLIFNode(2.0, True),
        "SlidingPSN": lambda: sj.SlidingPSN(k=2),
    }


def _rockpool() -> dict[str, Build]:
    import rockpool.nn.modules as rp

    return {
        "ExpSynTorch": lambda: rp.ExpSynTorch(SIZE),
        "LIFBitshiftTorch": lambda: rp.LIFBitshiftTorch(SIZE),
        "LIFMembraneExodus": lambda: rp.LIFMembraneExodus((SIZE, SIZE)),
        "LIFExodus": lambda: rp.LIFExodus((SIZE, SIZE)),
        "ExpSynExodus": lambda: rp.ExpSynExodus((SIZE,)),
        "LIFNeuronTorch": lambda: rp.LIFNeuronTorch((SIZE,)),
        "LIFSinabs": lambda: rp.LIFSinabs((SIZE, SIZE)),
        "LIFSlayer": lambda: rp.LIFSlayer((SIZE, SIZE)),
        "LIFTorch": lambda: rp.LIFTorch((SIZE, SIZE)),
        "LowPass": lambda: rp.LowPass(SIZE, 1e-3, 0.02),
        "RateTorch": lambda: rp.RateTorch(SIZE),
        "UpDownTorch": lambda: rp.UpDownTorch((SIZE,)),
        "BooleanState": lambda: rp.BooleanState((SIZE, SIZE)),
        "aLIFTorch": lambda: rp.aLIFTorch((SIZE, SIZE)),
    }


def outcome(library: str, kind: str) -> str:
    """See `outcome_of`."""
    torch.manual_seed(0)
    build, around = neurons_of(library)[kind], surroundings(library)
    return outcome_of(library, kind, lambda: build().eval(), SIZE, around)


def surroundings(library: str) -> Any:
    """In which a model is built and run: none."""
    return nullcontext()


def table() -> str:
    """The rows of docs/neurons.md."""
    return table_of(LIBRARIES, neurons_of, outcome)


if __name__ == "__main__":
    print(table(), end="")
