"""A network on Rockpool's XyloSim (Xylo core v2); runs in the chips' environment, by its path.

Request: {"input": [time][in], "specification": arguments of `XyloSim.from_specification`}.
Answer: {"hidden": {"i", "i2", "v", "spikes"}, "output": {"i", "v", "spikes"}}, [time][n].
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import rockpool


def without_hardware() -> None:
    """Let Rockpool's simulators be imported without samna.

    The package rockpool.devices.xylo imports the drivers of the boards, which need samna; on
    PyPI that is a stub that downloads the real one when it is imported. XyloSim needs none of
    it, so its folders are entered without their `__init__`.
    """
    folder = Path(rockpool.__path__[0]) / "devices" / "xylo"
    for name, place in (("", "."), (".syns61300", "syns61300"), (".syns61201", "syns61201")):
        package = ModuleType(f"rockpool.devices.xylo{name}")
        package.__path__ = [str(folder / place)]
        sys.modules[package.__name__] = package


def simulate(request: dict[str, Any]) -> dict[str, Any]:
    """The states and spikes of the hidden and the output neurons."""
    without_hardware()
    from rockpool.devices.xylo.syns61201.xylo_sim import XyloSim

    specification = {
        name: np.array(value, int) if isinstance(value, list) else value
        for name, value in request["specification"].items()
    }
    # The module keeps the synapses alive; xylosim's layer holds bare pointers to them.
    module = XyloSim.from_specification(**specification)
    spikes, _, seen = module(np.array(request["input"], int), record=True)
    return {
        "hidden": {
            "i": seen["Isyn"].tolist(),
            "i2": seen["Isyn2"].tolist(),
            "v": seen["Vmem"].tolist(),
            "spikes": seen["Spikes"].tolist(),
        },
        "output": {
            "i": seen["Isyn_out"].tolist(),
            "v": seen["Vmem_out"].tolist(),
            "spikes": spikes.tolist(),
        },
    }


if __name__ == "__main__":
    print(json.dumps(simulate(json.load(sys.stdin))))
