"""torch_to_nir: ways to flatten that provably keep the batch, and those that are refused.

Every accepted form gives torch's own numbers, for two batch sizes where forward has none in it.
"""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportMissingImports=false

from __future__ import annotations

import math
from typing import Any

import nir
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import nirx
from nirx_torch import torch_to_nir
from support.torch_modules import Forward, Net, runs_on_both, samples

SHAPE, FEATURES = (2, 3, 4), 24


def net(step: Forward) -> Any:
    torch.manual_seed(0)
    layers = {"conv": nn.Conv2d(2, 2, 3, padding=1), "l": nn.Linear(FEATURES, 5)}
    return Net(step, **layers, o=nn.Linear(5, 24), f=nn.Flatten()).double().eval()


def unpacked(m, x):
    b, c, h, w = x.shape
    return m.l(x.view(b, c * h * w))


def unpacked_size(m, x):
    b, *rest = x.size()
    return m.l(x.reshape(b, math.prod(rest)))


FORMS: dict[str, Forward] = {
    "view(-1, n)": lambda m, x: m.l(x.view(-1, 24)),
    "reshape(-1, n)": lambda m, x: m.l(x.reshape(-1, 24)),
    "reshape of a tuple": lambda m, x: m.l(torch.reshape(x, (-1, 24))),
    "view(size(0), n)": lambda m, x: m.l(x.view(x.size(0), 24)),
    "view(len by numel)": lambda m, x: m.l(x.view(x.size(0), x.numel() // x.size(0))),
    "view(b, product)": unpacked,
    "view(b, product of the rest)": unpacked_size,
    "starred shape": lambda m, x: (lambda b, c, h, w: m.l(x.view(b, c * h * w)))(*x.shape),
    "arithmetic on sizes": lambda m, x: m.l(x.view(-1, x.shape[1] * 12)),
    "negative axis": lambda m, x: m.l(x.view(-1, x.shape[1] * x.shape[2] * x.shape[-1])),
    "product of a slice": lambda m, x: m.l(x.view(x.shape[0], math.prod(x.shape[1:]))),
    "numel of the slice": lambda m, x: m.l(x.view(-1, x.shape[1:].numel() if 0 else 24)),
    "ndim": lambda m, x: m.l(x.flatten(1) if x.dim() > 2 and x.ndim == 4 else x),
    "start and end": lambda m, x: m.l(x.flatten(start_dim=1, end_dim=-1)),
    "negative start": lambda m, x: m.l(x.flatten(-3)),
    "in two steps": lambda m, x: m.l(x.flatten(2).flatten(1)),
    "from the front": lambda m, x: m.l(x.flatten(1, 2).flatten(1)),
    "in groups": lambda m, x: m.l(x.view(-1, 2, 12).view(-1, 24)),
    "squeeze of nothing": lambda m, x: m.l(x.squeeze(-1).flatten(1)),
    "unsqueeze": lambda m, x: m.l(x.unsqueeze(1).flatten(1)),
    "unsqueeze, squeeze": lambda m, x: m.l(m.conv(x.unsqueeze(1).squeeze(1)).flatten(1)),
    "None axis": lambda m, x: m.l(x[:, None].flatten(1)),
    "unflatten, flatten": lambda m, x: m.l(x.flatten(1).unflatten(1, (4, 6)).flatten(1)),
    "permute": lambda m, x: m.l(x.permute(0, 2, 3, 1).flatten(1)),
    "permute of a tuple": lambda m, x: m.l(torch.permute(x, (0, 3, 2, 1)).reshape(-1, 24)),
    "transpose": lambda m, x: m.l(x.transpose(1, 2).reshape(x.size(0), -1)),
    "movedim": lambda m, x: m.l(torch.movedim(x, 1, -1).flatten(1)),
    "swapaxes": lambda m, x: m.l(x.swapaxes(-1, -2).flatten(1)),
    "mT": lambda m, x: m.l(x.mT.flatten(1)),
    "flip": lambda m, x: m.l(x.flip(1).flatten(1)),
    "permute of a convolution": lambda m, x: m.l(m.conv(x).permute(0, 2, 3, 1).flatten(1)),
    "permute back": lambda m, x: m.l(m.conv(x.permute(0, 2, 3, 1).permute(0, 3, 1, 2)).flatten(1)),
    "permute, scaled": lambda m, x: m.l(-2 * x.permute(0, 2, 3, 1).flatten(1)),
    "permute, functional": lambda m, x: functional.linear(
        x.permute(0, 3, 1, 2).flatten(1), m.l.weight, m.l.bias
    ),
    "permute, matmul": lambda m, x: x.permute(0, 3, 1, 2).flatten(1) @ m.l.weight.t(),
    "permute, then nothing": lambda m, x: x.permute(0, 2, 3, 1).flatten(1),
    "permute of a Linear": lambda m, x: m.o(m.l(x.flatten(1))).view(-1, 4, 6).mT.flatten(1),
    "permute of a Linear read twice": lambda m, x: (lambda y: y.view(-1, 4, 6).mT.flatten(1) + y)(
        m.o(m.l(x.flatten(1)))
    ),
    "permute, a Flatten module": lambda m, x: m.l(m.f(x.permute(0, 2, 3, 1))),
    "einsum": lambda m, x: m.l(torch.einsum("bchw->bchw", x).flatten(1)),
    "einsum that permutes": lambda m, x: m.l(torch.einsum("bchw->bhwc", x).flatten(1)),
    "to a dtype": lambda m, x: m.l(x.to(torch.float64).flatten(1)),
    "to the weight's dtype": lambda m, x: m.l(x.to(m.l.weight.dtype).flatten(1)),
    "to a device": lambda m, x: m.l(x.to(x.device).flatten(1)),
    "to another": lambda m, x: m.l(x.to(m.l.weight).flatten(1)),
    "to by keywords": lambda m, x: m.l(x.to(device=x.device, dtype=x.dtype).flatten(1)),
    "cpu, detach, data": lambda m, x: m.l(x.cpu().detach().data.flatten(1)),
}


def assert_gives_torchs_numbers(module: Any, shape: Any = SHAPE, batch: int = 4) -> nir.NIRGraph:
    graph = torch_to_nir(module, input_shape=shape)
    xs = samples(*shape, steps=3)[:, :batch]
    with torch.no_grad():
        expected = torch.stack([module(x) for x in xs]).numpy()
    for found in runs_on_both(graph, xs):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)
    return graph


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.sampled(3)
def test_a_form_of_flattening_gives_torchs_numbers(name):
    module = net(FORMS[name])
    for batch in (1, 4):
        assert_gives_torchs_numbers(module, batch=batch)


@pytest.mark.parametrize("shape", [(1, 24), (24, 1), (1, 24, 1)])
def test_axes_of_size_1_go(shape):
    assert_gives_torchs_numbers(net(lambda m, x: m.l(x.squeeze())), shape)


def test_an_axis_of_size_1_is_indexed_away():
    assert_gives_torchs_numbers(net(lambda m, x: m.l(x[:, 0])), (1, 24))
    assert_gives_torchs_numbers(net(lambda m, x: m.l(x[..., 0])), (24, 1))
    with pytest.raises(nirx.UnsupportedError, match="indexing"):
        torch_to_nir(net(lambda m, x: m.l(x[:, 0])), input_shape=(2, 24))


def test_a_permutation_costs_no_node_beside_a_linear():
    kinds = [
        type(n).__name__
        for n in torch_to_nir(net(FORMS["permute"]), input_shape=SHAPE).nodes.values()
    ]
    assert kinds == ["Input", "Flatten", "Affine", "Output"]
    module = net(FORMS["permute of a Linear"])
    before = module.o.weight.clone()
    kinds = [type(n).__name__ for n in torch_to_nir(module, input_shape=SHAPE).nodes.values()]
    assert kinds == ["Input", "Flatten", "Affine", "Affine", "Output"]
    assert torch.equal(module.o.weight, before)


FIXED: dict[str, Forward] = {
    "view(4, -1)": lambda m, x: m.l(x.view(4, -1)),
    "view(4, n)": lambda m, x: m.l(x.view(4, 24)),
    "view(4, n) without a layer": lambda m, x: x.view(4, 24),
    "view(4, ., -1)": lambda m, x: m.l(x.view(4, 2, -1).flatten(1)),
    "twice": lambda m, x: m.o(m.l(x.view(4, -1)).view(4, -1)),
}


@pytest.mark.parametrize("name", FIXED)
def test_a_batch_size_that_is_a_number_in_forward(name):
    assert_gives_torchs_numbers(net(FIXED[name]))


REFUSED: dict[str, tuple[Forward, str]] = {
    "no layer that would fail": (lambda m, x: x.view(4, -1), "mixes the samples of any other"),
    "two batch sizes": (
        lambda m, x: m.l(x.view(4, -1)) + m.l(x.view(3, -1)),
        "only for 3 samples, another operation only for 4",
    ),
    "more rows": (lambda m, x: x.view(-1, 12), r"makes \(4, 12\) of a batch of"),
    "the batch as features": (lambda m, x: x.permute(1, 0, 2, 3).flatten(1), "mixes the samples"),
    "the batch inside": (
        lambda m, x: x.transpose(0, 1).reshape(x.size(0), -1),
        "mixes the samples of a batch",
    ),
    "no batch": (lambda m, x: x.flatten(), "include the batch"),
    "ravel": (lambda m, x: x.ravel(), "keep the batch"),
    "the batch dropped": (lambda m, x: x.flatten(1).squeeze(0), r"squeeze.*a batch of 1 samples"),
    "a new first axis": (lambda m, x: m.l(x.flatten(1).unsqueeze(0)), "keep the batch"),
    "a sum": (lambda m, x: torch.einsum("bchw->bch", x), "torch.functional.einsum"),
    "whole numbers": (lambda m, x: m.l(x.to(torch.int32).flatten(1)), "converts to torch.int32"),
    "channels last": (lambda m, x: m.conv(x.permute(0, 3, 1, 2)), "give the input the layout"),
    "split": (lambda m, x: x.view(-1, 4, 6), "NIR can only join axes"),
    "roll over the batch": (lambda m, x: x.flip(0).flatten(1), "mixes the samples"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_keep_the_batch_is_refused_with_the_reason(name):
    step, message = REFUSED[name]
    shape = (4, 2, 3) if name == "channels last" else SHAPE
    with pytest.raises(nirx.UnsupportedError, match=message):
        torch_to_nir(net(step), input_shape=shape)


def test_the_refusal_names_the_line_and_what_to_write():
    with pytest.raises(nirx.UnsupportedError, match=r"test_layout.py:\d+\).*torch.flatten\(x, 1\)"):
        torch_to_nir(net(lambda m, x: x.view(-1, 12)), input_shape=SHAPE)
    with pytest.raises(nirx.UnsupportedError, match=r"unknown shape.*input_shape="):
        torch_to_nir(net(lambda m, x: m.l(x.view(-1, 24))))


def test_a_permutation_that_would_need_too_many_weights_is_refused():
    with pytest.raises(nirx.UnsupportedError, match="permutes 4800 elements"):
        torch_to_nir(net(lambda m, x: x.mT.flatten(1)), input_shape=(60, 80))


def test_rearrange_of_einops():
    einops = pytest.importorskip("einops", reason="einops is not installed")
    flat = net(lambda m, x: m.l(einops.rearrange(x, "b c h w -> b (c h w)")))
    assert_gives_torchs_numbers(flat)
    assert_gives_torchs_numbers(net(lambda m, x: m.l(einops.rearrange(x, "b c h w -> b (h w c)"))))
    with pytest.raises(nirx.UnsupportedError, match="keep the batch"):
        torch_to_nir(
            net(lambda m, x: einops.rearrange(x, "b c h w -> (b c) (h w)")), input_shape=SHAPE
        )
