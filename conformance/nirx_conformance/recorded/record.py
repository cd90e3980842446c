"""`RecordedCase`: a neuron, an input, and what a library computed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nir
import numpy as np

import nirx
from nirx_conformance.cases.case import chain

__all__ = ["RECORDED_CASES", "RecordedCase", "write_record"]

FOLDER = Path(__file__).parent / "records"
NODE, STATE = "node ", "state "
"""In front of the names of the Neuron's contents and of its states, in a record."""


@dataclass(frozen=True)
class RecordedCase:
    """A case of the level `neurons`.

    Arguments:
        name: of the library and its class.
        path: of the record.
    """

    name: str
    path: Path

    types = ("Neuron",)

    @cached_property
    def _arrays(self) -> dict[str, Any]:
        with np.load(self.path, allow_pickle=False) as held:
            return {k: v.item() if v.dtype.kind == "U" else v for k, v in held.items()}

    @property
    def about(self) -> dict[str, Any]:
        """The library, its version, the dtype, the tolerance of states and more words."""
        return json.loads(self._arrays["about"])

    @property
    def neuron(self) -> nirx.Neuron:
        """The node, made anew."""
        own = {k[len(NODE) :]: v for k, v in self._arrays.items() if k.startswith(NODE)}
        return nirx.Neuron.from_contents(own)

    @property
    def graph(self) -> nir.NIRGraph:
        shape = self.inputs.shape[2:]
        return chain(shape, shape, self.neuron)

    @property
    def inputs(self) -> np.ndarray:
        """[time, batch, *features], in the dtype of the recording."""
        return self._arrays["inputs"]

    @property
    def outputs(self) -> np.ndarray:
        """What the library put out, likewise."""
        return self._arrays["outputs"]

    @property
    def states(self) -> dict[str, np.ndarray]:
        """The library's states after each step, by name; those that it shows."""
        return {k[len(STATE) :]: v for k, v in self._arrays.items() if k.startswith(STATE)}


class _Cases(Sequence[RecordedCase]):
    """All records, sorted by name; the files are read when a case is used."""

    @cached_property
    def _cases(self) -> list[RecordedCase]:
        return [RecordedCase(path.stem, path) for path in sorted(FOLDER.glob("*.npz"))]

    def __len__(self) -> int:
        return len(self._cases)

    def __iter__(self) -> Iterator[RecordedCase]:
        return iter(self._cases)

    def __getitem__(self, index: Any) -> Any:
        return self._cases[index]


RECORDED_CASES = _Cases()


def write_record(
    name: str,
    node: nirx.Neuron,
    inputs: np.ndarray,
    outputs: np.ndarray,
    states: dict[str, np.ndarray],
    **about: Any,
) -> Path:
    """Write what a library computed.

    Arguments:
        name: of the case; also that of the file.
        node: as it was traced.
        inputs, outputs: [time, batch, *features].
        states: after each step, by the names of the node's states.
        about: `library`, `version`, `tolerance` of states, relative to the largest magnitude.
    """
    assert re.fullmatch(r"[A-Za-z0-9 _.+()=,-]+", name), name
    assert set(states) <= set(node.step.states), (sorted(states), node.step.states)
    arrays = {
        "about": np.array(json.dumps({"dtype": inputs.dtype.name, **about}, sort_keys=True)),
        "inputs": inputs,
        "outputs": outputs,
        **{STATE + k: v for k, v in states.items()},
        **{NODE + k: np.asarray(v) for k, v in node.contents().items()},
    }
    path = FOLDER / f"{name}.npz"
    np.savez_compressed(path, **arrays)  # pyright: ignore[reportArgumentType]
    return path
