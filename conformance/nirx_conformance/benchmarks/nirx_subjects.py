"""nirx itself as a subject: its networks, on arrays of their own framework."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from nirx.errors import NirxError
from nirx.execution.backend import find_backend, from_nir
from nirx_conformance.benchmarks.subject import CannotRunError, Case, Subject

__all__ = ["build_nirx"]


def build_nirx(backend: str, mode: str, case: Case) -> Subject:
    """nirx on a backend.

    Arguments:
        mode: `"fast"` or `"reproducible"`.

    **Raises**: `CannotRunError` where this backend cannot run the case.
    """
    name = f"nirx {backend}" + ("" if mode == "fast" else f", {mode}")
    builds = {"torch": _torch, "jax": _jax}
    try:
        build = builds.get(backend, partial(_other, backend))
        return build(name, case, mode == "reproducible")
    except NirxError as error:
        raise CannotRunError(str(error)) from error


def _options(case: Case, reproducible: bool) -> dict[str, Any]:
    return {
        "discretization": case.discretization,
        "dtype": case.dtype,
        "reproducible": reproducible,
    }


def _other(backend: str, name: str, case: Case, reproducible: bool) -> Subject:
    if case.train:
        raise CannotRunError("no gradients")
    if case.device != "cpu":
        raise CannotRunError("runs on the CPU only")
    options = _options(case, reproducible)
    prepared = find_backend(backend).prepare(case.graph, **options)

    def outputs() -> np.ndarray:
        return _only(prepared(case.xs)[0])

    return Subject(name, backend, lambda: prepared(case.xs), outputs)


def _torch(name: str, case: Case, reproducible: bool) -> Subject:
    from nirx_conformance.benchmarks.peers.torch_chain import torch_subject

    options = _options(case, reproducible)
    net: Any = from_nir(case.graph, "torch", device=case.device, **options)
    for path, parameter in net.named_parameters():
        parameter.requires_grad_(path.rpartition(".")[2] in TRAINED)
    return torch_subject(name, case, net, lambda xs: _only(net.run(xs)[0]))


TRAINED = ("weight", "bias")
"""All programs train the weights, and nothing else."""


def _jax(name: str, case: Case, reproducible: bool) -> Subject:
    import jax

    wide = case.dtype == "float64"

    def in_dtype(function: Any) -> Any:
        def call(*args: Any) -> Any:
            with jax.enable_x64(True) if wide else nullcontext():
                return function(*args)

        return call

    subject = in_dtype(_jax_subject)(name, case, reproducible)
    return replace(subject, run=in_dtype(subject.run), outputs=in_dtype(subject.outputs))


def _jax_subject(name: str, case: Case, reproducible: bool) -> Subject:
    import equinox as eqx
    import jax

    from nirx_conformance.benchmarks.peers.jax_chain import jax_subject

    net = from_nir(case.graph, "jax", **_options(case, reproducible))
    paths, tree = jax.tree_util.tree_flatten_with_path(eqx.filter(net, eqx.is_array))
    chosen = [any(f"{w}" in jax.tree_util.keystr(path[-1:]) for w in TRAINED) for path, _ in paths]
    weights, rest = eqx.partition(net, jax.tree.unflatten(tree, chosen))

    def forward(weights: Any, xs: Any) -> Any:
        return _only(eqx.combine(weights, rest).run(xs)[0])

    return jax_subject(name, case, weights, forward)


def _only(outputs: Any) -> Any:
    """The output of a network with one Output, whichever form it has."""
    if not isinstance(outputs, dict):
        return outputs
    if len(outputs) != 1:
        raise CannotRunError("the graph has several Outputs; expected one")
    return next(iter(outputs.values()))
