"""A network on Lava's bit-accurate model of Loihi; runs in the chips' environment, by its path.

Request: {"steps", "input": [time][in], "populations": [{"du", "dv", "vth", "bias_mant": [n],
"bias_exp": [n]}], "connections": [{"source": a population or None for the input, "target",
"weights": [out][in], "weight_exp"}]}.
Answer: per population {"u", "v", "spikes"}, [time][n] after each step.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.dense.process import Dense
from lava.proc.io.source import RingBuffer
from lava.proc.lif.process import LIF
from lava.proc.monitor.process import Monitor

OBSERVED = {"u": "u", "v": "v", "spikes": "s_out"}


def simulate(request: dict[str, Any]) -> list[dict[str, Any]]:
    """The states and spikes of every population."""
    steps = request["steps"]
    source = RingBuffer(data=np.array(request["input"], int).T)
    populations = [population(own) for own in request["populations"]]
    for own in request["connections"]:
        dense = Dense(weights=np.array(own["weights"], int), weight_exp=own["weight_exp"])
        begin = source if own["source"] is None else populations[own["source"]]
        begin.s_out.connect(dense.s_in)
        dense.a_out.connect(populations[own["target"]].a_in)
    monitors = [
        {name: watch(getattr(lif, port), steps) for name, port in OBSERVED.items()}
        for lif in populations
    ]
    # "fixed_pt" names the models that are bit-accurate with Loihi (also "bit_accurate_loihi").
    populations[0].run(RunSteps(num_steps=steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
    answer = [{name: recorded(monitor) for name, monitor in own.items()} for own in monitors]
    populations[0].stop()
    return answer


def population(own: dict[str, Any]) -> LIF:
    """Neurons that share their decays and their threshold, as in Lava they must."""
    return LIF(
        shape=(len(own["bias_mant"]),),
        du=own["du"],
        dv=own["dv"],
        vth=own["vth"],
        bias_mant=np.array(own["bias_mant"], int),
        bias_exp=np.array(own["bias_exp"], int),
    )


def watch(variable: Any, steps: int) -> Monitor:
    """A monitor of a state or an output."""
    monitor = Monitor()
    monitor.probe(variable, steps)
    return monitor


def recorded(monitor: Monitor) -> list[list[int]]:
    """What it saw, [time][n]."""
    ((_, by_name),) = monitor.get_data().items()
    ((_, values),) = by_name.items()
    return values.astype(int).tolist()


if __name__ == "__main__":
    print(json.dumps(simulate(json.load(sys.stdin))))
