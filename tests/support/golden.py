"""Golden models compiled into one library and run from NumPy."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nirx
from nirx.golden.build import Built, build_model
from nirx.golden.source import header_text, source_text
from nirx.graphs.recording import resolve_record
from nirx.graphs.state import NodeState, nest

__all__ = ["COMPILERS", "FLAGS", "Compiled", "equal", "needs_compiler"]

FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-O2", "-ffp-contract=off"]
COMPILERS = [own for own in ("gcc", "clang") if shutil.which(own)]
C_TYPES = {
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "float": ctypes.c_float,
    "double": ctypes.c_double,
}

needs_compiler = pytest.mark.skipif(not COMPILERS, reason="there is no C compiler (gcc or clang)")


class Compiled:
    """Several models in one library.

    Arguments:
        folder: for its files.
        cases: (graph, discretization, dtype) of each.
        cc: the compiler. gcc adds its checks for undefined behaviour, which write to stderr;
            clang would need another process for its own.
    """

    def __init__(self, folder: Path, cases: list[Any], cc: str):
        self.built: list[Built] = []
        for number, (graph, rule, dtype) in enumerate(cases):
            built = build_model(graph, rule, dtype, f"m{number}")
            (folder / f"m{number}.h").write_text(header_text(built, "test"))
            (folder / f"m{number}.c").write_text(source_text(built, "test"))
            self.built.append(built)
        library = folder / "models.so"
        sources = [f"m{number}.c" for number in range(len(cases))]
        # The checks make -O2 slow to compile, and nothing else of it matters here.
        checks = ["-fsanitize=undefined", "-O1"] if cc == "gcc" else []
        command = [cc, *FLAGS, *checks, "-shared", "-fPIC", "-o", library.name, *sources]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        self.library = ctypes.CDLL(str(library))

    def run(self, number: int, xs: Any, warmup: Any = None) -> tuple[Any, Any, Any]:
        """Outputs, state and all recordings, as `net.run(xs, state, "all")` gives them."""
        return _Runner(self.library, self.built[number]).run(xs, warmup)


class _Runner:
    def __init__(self, library: Any, built: Built):
        self.built, self.model = built, built.model
        model, own = built.model, C_TYPES[built.model.numbers.ctype]
        self.dtype = np.dtype(own)
        self.step = library[f"{model.name}_step"]
        self.init = library[f"{model.name}_init"]
        fields = [(f.name, C_TYPES[f.ctype] * f.size) for f in model.fields]
        fields += [("work", own * model.work)] if model.work else []
        fields += [("slices", ctypes.c_double * model.slices)] if model.slices else []
        self.state = _struct(fields)
        self.input = _struct([(m, own * max(1, n.gives)) for _, m, n in built.inputs])
        self.output = _struct([(m, own * max(1, n.gives)) for _, m, n in built.outputs])

    def run(self, xs: Any, warmup: Any) -> tuple[Any, Any, Any]:
        named = xs if isinstance(xs, dict) else {self.built.inputs[0][0]: xs}
        _, _, first = self.built.inputs[0]
        array = np.asarray(named[self.built.inputs[0][0]])
        lead = array.shape[: array.ndim - len(first.place.output_shape)]
        samples = int(np.prod(lead[1:]))
        probes = resolve_record(self.model.schedule, "all")
        runs = [self._sample(named, warmup, lead[0], k, samples, probes) for k in range(samples)]
        outputs = {
            name: self._stack([r[0][name] for r in runs], lead, node.place.output_shape, 1)
            for name, _, node in self.built.outputs
        }
        recorded = {}
        for p in probes:
            node = self.model.nodes[p.position]
            shape = node.place.output_shape
            recorded[p.key] = self._stack([r[1][p.key] for r in runs], lead, shape, 1)
        states: list[NodeState] = []
        for node in self.model.nodes:
            dynamics = node.place.dynamics
            assert dynamics is not None
            own = {
                name: self._stack([r[2][f.name] for r in runs], lead[1:], shape, 0)
                for (name, f), shape in zip(
                    node.states.items(), dynamics.state_shapes().values(), strict=True
                )
            }
            late = {}
            for s in node.place.late_sources:
                source = self.model.nodes[s]
                assert source.late is not None
                values = [r[2][source.late.name] for r in runs]
                late[source.place.name] = self._stack(
                    values, lead[1:], source.place.output_shape, 0
                )
            states.append((own, late))
        one = len(outputs) == 1
        tree = nest(self.model.schedule.nodes, states, frozenset())
        return next(iter(outputs.values())) if one else outputs, tree, recorded

    def _stack(self, parts: list[Any], lead: Any, shape: Any, axis: int) -> np.ndarray:
        """Samples one after the other in their axes of the batch."""
        if not parts:
            return np.zeros((*lead, *shape), self.dtype)
        size = int(np.prod(shape))
        cut = [np.asarray(part)[..., :size] for part in parts]
        return np.stack(cut, axis).reshape((*lead, *shape)).astype(self.dtype)

    def _sample(self, xs: Any, warmup: Any, steps: int, k: int, samples: int, probes: Any):
        state, given, result = self.state(), self.input(), self.output()
        self.init(ctypes.byref(state))
        if warmup is not None:
            named = warmup if isinstance(warmup, dict) else {self.built.inputs[0][0]: warmup}
            for t in range(len(next(iter(named.values())))):
                self._set(given, named, t, k, samples)
                self.step(ctypes.byref(state), ctypes.byref(given), ctypes.byref(result))
        outputs: dict[str, list[Any]] = {name: [] for name, _, _ in self.built.outputs}
        recorded: dict[Any, list[Any]] = {p.key: [] for p in probes}
        for t in range(steps):
            self._set(given, xs, t, k, samples)
            self.step(ctypes.byref(state), ctypes.byref(given), ctypes.byref(result))
            for name, member, _ in self.built.outputs:
                outputs[name].append(np.array(getattr(result, member)))
            for p in probes:
                node = self.model.nodes[p.position]
                own = node.y if p.variable is None else node.states[p.variable]
                recorded[p.key].append(np.array(getattr(state, own.name)))
        last = {f.name: np.array(getattr(state, f.name)) for f in self.model.fields}
        for node in self.model.nodes:
            if "buffer" in node.states:
                name, size = node.states["buffer"].name, node.gives
                oldest = int(last[f"{node.label}_oldest"][0])
                ring = last[name][: len(last[name]) // max(1, size) * size]
                last[name] = np.roll(ring, -oldest * size)
        return (
            {n: _rows(v) for n, v in outputs.items()},
            {n: _rows(v) for n, v in recorded.items()},
            last,
        )

    def _set(self, given: Any, xs: Any, t: int, k: int, samples: int) -> None:
        for name, member, node in self.built.inputs:
            flat = np.asarray(xs[name][t]).reshape(samples, node.gives)[k].astype(self.dtype)
            getattr(given, member)[: node.gives] = flat.tolist()


def _rows(parts: list[Any]) -> np.ndarray:
    return np.stack(parts) if parts else np.zeros((0, 1))


def _struct(members: list[Any]) -> Any:
    return type("Struct", (ctypes.Structure,), {"_fields_": members})


def equal(found: Any, wanted: Any) -> bool:
    """Whether two results have the same bits (`nirx.digest`)."""
    return nirx.digest(found) == nirx.digest(wanted)
