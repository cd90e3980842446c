"""DistributedDataParallel and FSDP2: the numbers of one process."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import distributed
from torch.distributed.fsdp import fully_shard

import nirx
import nirx_torch
from support.processes import run_python
from support.spread_graphs import RULE, driven, looped
from support.torch_processes import Runs

DOCS = Path(__file__).parents[2] / "docs" / "many-devices.md"


def trained(how, size, folder):
    store = str(folder / how)
    ranks = range(size)
    commands = [["-m", "support.torch_processes", how, str(n), str(size), store] for n in ranks]
    run_python(commands, {"OMP_NUM_THREADS": "1"})
    with np.load(f"{store}.{how}.npz") as found:
        return dict(found)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return trained("alone", 1, tmp_path_factory.mktemp("alone"))


@pytest.mark.exhaustive
@pytest.mark.parametrize("how", ["ddp", "fsdp", "fsdp-run"])
def test_two_processes_train_as_one(how, alone, tmp_path):
    found = trained(how, 2, tmp_path)
    assert found.keys() == alone.keys()
    assert max(abs(value).max() for key, value in alone.items() if "gradient" in key) > 1e-2
    for key, value in alone.items():
        np.testing.assert_allclose(found[key], value, rtol=0, atol=1e-12, err_msg=key)


@pytest.mark.exhaustive
def test_the_example_of_the_documentation_runs_under_torchrun(tmp_path):
    (script,) = re.findall(r"```python\n(# train\.py.*?)```", DOCS.read_text(), re.DOTALL)
    path = tmp_path / "train.py"
    path.write_text(script)
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(path)]
    (printed,) = run_python([command], {"OMP_NUM_THREADS": "1"})
    losses = [float(number) for number in re.findall(r"loss (\S+)", printed)]
    assert losses[-1] < losses[0]


@pytest.fixture
def group(tmp_path):
    """A group of one process; its parameters are in parts all the same."""
    distributed.init_process_group("gloo", f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.sampled(2)
def test_parameters_of_fsdp(group):
    xs = torch.from_numpy(driven(looped(), 40))
    alone, net, layers = (nirx_torch.from_nir(looped(), RULE, execution="fused") for _ in range(3))
    model: Any = fully_shard(Runs(net))
    (model(xs) ** 2).mean().backward()
    with pytest.raises(nirx.InputError, match="'fc': this process has a part of weight only"):
        net.run(xs)
    with pytest.raises(nirx.InputError, match=r"call nirx\.parametrize before fully_shard"):
        nirx.parametrize(net, "*.tau", positive="softplus")
    (alone.run(xs)[0] ** 2).mean().backward()
    for key, own in alone.named_parameters():
        gradient: Any = net.get_parameter(key).grad
        assert own.grad is not None
        assert torch.equal(gradient.full_tensor(), own.grad), key

    values = {key: 2 * array for key, array in nirx_torch.parameters_to_numpy(alone).items()}
    nirx_torch.load_parameters(net, values)
    assert nirx.digest(nirx_torch.parameters_to_numpy(net)) == nirx.digest(values)
    fully_shard(layers.get_submodule("fc"))
    with torch.no_grad(), pytest.raises(nirx.InputError, match="to fully_shard as a whole"):
        layers.run(xs)
