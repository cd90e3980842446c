"""Fake libraries that test the matrix itself: right, wrong, refusing, dying."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import nir
import numpy as np

import nirx
from nirx.basics.type_map import TypeMap
from nirx.bridging.bridge import Bridge, find_bridge
from nirx.execution.refusal import NotRepresentable
from nirx_conformance.libraries.importers import Imported, RefusedError
from nirx_conformance.libraries.library import Library

__all__ = ["FAKES", "MISSING"]

Change = Callable[[np.ndarray], Any]


def _runs(change: Change, graph: nir.NIRGraph, dt: float, batch: int) -> Imported:
    """The exact executor as an importer, with its outputs changed."""
    net = nirx.from_nir(graph, "numpy", nirx.Discretization(dt=dt))
    return Imported(lambda xs: change(np.asarray(net.run(xs)[0])))


def _unchanged(ys: np.ndarray) -> np.ndarray:
    return ys


def _rounded(ys: np.ndarray) -> np.ndarray:
    return ys * np.float32(1 + 1e-6)


def _wrong(ys: np.ndarray) -> np.ndarray:
    return 1 - ys


def _short(ys: np.ndarray) -> np.ndarray:
    return ys[1:]


def _raising(ys: np.ndarray) -> None:
    raise IndexError("at 0xdeadbeef in /usr/lib/fake.py\nand more")


def _refusing_late(ys: np.ndarray) -> None:
    raise RefusedError from ValueError("no such neuron")


def _hanging(ys: np.ndarray) -> None:
    time.sleep(600)


def _dying(ys: np.ndarray) -> None:
    os._exit(3)


def _refuses(graph: nir.NIRGraph, dt: float, batch: int) -> Imported:
    raise ValueError("no such neuron")


def _asserts(graph: nir.NIRGraph, dt: float, batch: int) -> Imported:
    raise AssertionError


def _subtracts(graph: nir.NIRGraph, dt: float, batch: int) -> Imported:
    step = nirx.Discretization(dt=dt, reset="subtract")
    net = nirx.from_nir(graph, "numpy", step)
    return Imported(lambda xs: np.asarray(net.run(xs)[0]))


def _choosing(graph: nir.NIRGraph, dt: float, batch: int) -> Imported:
    return replace(_runs(_unchanged, graph, dt / 2, batch), dt=dt / 2)


def _by_nirx() -> Bridge:
    return replace(find_bridge("torch"), presets=("spikingjelly.LIFNode",))


def _refusing_bridge() -> Bridge:
    def build(node: Any) -> Any:
        raise NotRepresentable("tau=3.0", "fake.LIF has none", node=node)

    presets = ("spikingjelly.LIFNode", "sinabs.LIF")
    return replace(find_bridge("torch"), node_map=TypeMap({nir.LIF: build}), presets=presets)


def _library(name: str, importer: Any, bridge: Any = _by_nirx) -> Library:
    return Library(f"fake-{name}", ("nirx",), importer, own_bridge=bridge)


FAKES: dict[str, Library] = {
    "exact": _library("exact", partial(_runs, _unchanged)),
    "rounding": _library("rounding", partial(_runs, _rounded)),
    "wrong": _library("wrong", partial(_runs, _wrong)),
    "short": _library("short", partial(_runs, _short)),
    "subtracts": _library("subtracts", _subtracts),
    "own dt": _library("own-dt", _choosing),
    "refuses": _library("refuses", _refuses, _refusing_bridge),
    "asserts": _library("asserts", _asserts),
    "refuses late": _library("refuses-late", partial(_runs, _refusing_late)),
    "raises": _library("raises", partial(_runs, _raising)),
    "hangs": _library("hangs", partial(_runs, _hanging)),
    "dies": _library("dies", partial(_runs, _dying)),
    "none": _library("none", None),
}

MISSING = Library("fake-missing", ("no_such_package_at_all",))
