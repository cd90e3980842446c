"""Hooks around forward, which a trace does not show, are named in a warning."""

# pyright: reportArgumentType=false

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

import nirx
from nirx_torch import torch_to_nir


def doubled(module, given, output):
    return 2 * output


def halved(module, given):
    return (given[0] / 2,)


@pytest.mark.parametrize(
    ("register", "hook"),
    [("register_forward_hook", doubled), ("register_forward_pre_hook", halved)],
)
def test_a_hook_is_named(register, hook):
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    getattr(model[1], register)(hook)
    with pytest.warns(nirx.NirxWarning, match="^1: hooks around forward are not exported"):
        torch_to_nir(model)


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_hooks_that_make_parameters_are_no_concern():
    layer = nn.utils.weight_norm(nn.Linear(2, 3))
    prune.random_unstructured(pruned := nn.Linear(3, 3), "weight", 2)
    model = nn.Sequential(layer, pruned)
    with warnings.catch_warnings():
        warnings.simplefilter("error", nirx.NirxWarning)
        graph = torch_to_nir(model)
    xs = torch.ones(1, 1, 2)
    found = nirx.from_nir(graph, "numpy").run(xs.numpy())[0]
    assert abs(found - model(xs[0]).detach().numpy()).max() < 1e-6
