# %% [markdown]
# # My neuron
#
# A neuron that NIR lacks is one time step, written in Python. It runs on every backend, trains, and
# is stored in the `.nir` file.

# %%
import nir
import numpy as np
import torch

import nirx
from nirx import formulas as f


def adaptive_lif(x, s, p):
    v = s.v + (x - s.v) / p.tau
    z = f.spike(v, p.threshold + p.beta * s.a)
    return z, {"v": f.where(z, 0.0, v), "a": s.a * f.exp(-1 / p.tau_a) + z}


node = nirx.neuron(
    adaptive_lif,
    parameters={"tau": np.full(8, 5.0), "tau_a": 30.0, "threshold": 1.0, "beta": 0.4},
    states={"v": 0.0, "a": 0.0},
    units={"tau": "steps", "tau_a": "steps"},
)
graph = nir.NIRGraph(
    {
        "input": nir.Input({"input": np.array([8])}),
        "alif": node,
        "output": nir.Output({"output": np.array([8])}),
    },
    [("input", "alif"), ("alif", "output")],
    type_check=False,
)

# %% [markdown]
# The same bits on all three backends:

# %%
xs = np.random.default_rng(0).random((100, 1, 8)).astype(np.float32) * 3
found = nirx.compare(graph, xs, reproducible=True)
assert found.bitwise
found

# %% [markdown]
# The threshold rises with every spike, and falls back:

# %%
net = nirx.from_nir(graph, "torch")
spikes, state, recorded = net.run(torch.from_numpy(xs), record=["alif", "alif.v", "alif.a"])
axes = nirx.plot.membrane(recorded["alif.a"], sample=0)
label = axes.set_ylabel("adaptation a")

# %% [markdown]
# Its parameters train as any others.

# %%
nirx.trainable(net, "alif.tau", "alif.beta")
optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=0.05)
for _ in range(20):
    optimizer.zero_grad()
    spikes, _ = net.run(torch.from_numpy(xs))
    loss = (nirx.readouts.rate(spikes) - 0.1).square().mean()
    loss.backward()
    optimizer.step()
print(f"mean rate {spikes.mean().item():.3f}, wanted 0.1")
