"""Arrays `[time, *batch, *features]`, in memory or in a file that is read in slices."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from nirx.basics.foreign_arrays import to_numpy
from nirx.comparison.digest import digest
from nirx.dynamics.ops import Shape
from nirx.errors import InputError, did_you_mean, warn_caller
from nirx.files.archive import member_name
from nirx.graphs.state import batch_of
from nirx.inputs.protocol import SlicedSource, Wanted

__all__ = [
    "ArraySource",
    "SampleSliced",
    "Sliced",
    "array_source",
    "as_dtype",
    "common_lead",
    "match_members",
    "require_numbers",
]


class Sliced(Protocol):
    """An array that is read in slices of its first axis, time; nothing is written into them."""

    @property
    def shape(self) -> Shape: ...

    @property
    def dtype(self) -> np.dtype: ...

    def __getitem__(self, steps: slice, /) -> Any: ...


@runtime_checkable
class SampleSliced(Protocol):
    """A `Sliced` that reads some samples without the others."""

    def of_samples(self, start: int, stop: int, first: int, last: int) -> np.ndarray:
        """Some steps of samples first..last-1 of a flat batch."""
        ...


class ArraySource(SlicedSource):
    """One array per Input.

    Arguments:
        where: what to call the data in messages.
        arrays: by the name of the Input, `[time, *batch, *features]`; without a batch, one sample.
        kind, identity: for `Source.identity`.
        check: called before every read.

    **Raises**: `InputError` for shapes and dtypes that do not fit the graph.
    """

    def __init__(
        self,
        where: str,
        wanted: Wanted,
        arrays: Mapping[str, Sliced],
        kind: str,
        identity: Mapping[str, Any],
        check: Callable[[], object] = lambda: None,
    ):
        shapes = {name: array.shape for name, array in arrays.items()}
        steps, *batch = common_lead(where, shapes, wanted.features)
        for name, array in arrays.items():
            require_numbers(array.dtype, f"{where}: Input {name!r}")
        steps, own = wanted.steps_for(where, steps), wanted.batch_for(where, tuple(batch))
        super().__init__(wanted, kind, steps, own, identity, check)
        self._arrays = dict(arrays)

    def _values(self, name: str, start: int, stop: int) -> np.ndarray:
        size = math.prod(self._wanted.features[name])
        return self._arrays[name][start:stop].reshape(stop - start, self._samples, size)

    def _some_values(self, name: str, start: int, stop: int, first: int, last: int) -> np.ndarray:
        array = self._arrays[name]
        if not isinstance(array, SampleSliced):  # of a mapped file, only what is used is read
            return super()._some_values(name, start, stop, first, last)
        size = math.prod(self._wanted.features[name])
        return array.of_samples(start, stop, first, last).reshape(stop - start, last - first, size)


def array_source(wanted: Wanted, data: Any) -> ArraySource:
    """A source of an array, or of {Input: array}; arrays of other libraries are copied.

    **Raises**: `InputError`.
    """
    names = list(wanted.features)
    if isinstance(data, Mapping):
        for name in data:
            if name not in wanted.features:
                raise InputError(f"no Input {name!r}; {did_you_mean(str(name), names)}")
        for name in names:
            if name not in data:
                raise InputError(f"no array for Input {name!r}")
    elif len(names) > 1:
        raise InputError(f"the graph has Inputs {names}; expected a dict with one array each")
    else:
        data = {names[0]: data}
    arrays = {name: to_numpy(data[name]) for name in names}
    for name, array in arrays.items():
        require_numbers(array.dtype, f"the data: Input {name!r}")
    return ArraySource("the data", wanted, arrays, "arrays", {"digest": digest(arrays)})


# -- `nirx run --input`, which loads a file whole, follows these rules too ------------------


def as_dtype(array: np.ndarray, dtype: str, where: str) -> np.ndarray:
    """Real numbers in the run's dtype. **Raises** `InputError` for anything else."""
    require_numbers(array.dtype, where)
    with np.errstate(over="ignore", invalid="ignore"):  # beyond float32 is infinity
        return array.astype(dtype, order="C")


def require_numbers(dtype: np.dtype, where: str) -> None:
    """**Raises** `InputError` unless a dtype is of real numbers."""
    if dtype.kind not in "biuf":
        raise InputError(f"{where} has dtype {dtype}; expected real numbers")


def common_lead(where: str, shapes: Mapping[str, Shape], features: Mapping[str, Shape]) -> Shape:
    """Time and batch of arrays `[time, *batch, *features]`, which must be the same for all.

    **Raises**: `InputError`.
    """
    lead: Shape | None = None
    first = ""
    for name, shape in shapes.items():
        place = f"{where}: Input {name!r}"
        own = batch_of(place, shape, features[name])
        if not own:
            wanted = ", ".join(["time", "*batch", *map(str, features[name])])
            raise InputError(f"{place} has shape {shape}; expected [{wanted}], time first")
        if lead is not None and own != lead:
            raise InputError(
                f"{place} has time and batch {own}, but Input {first!r} has {lead}; "
                "expected the same for all"
            )
        lead, first = own, first or name
    assert lead is not None, "every checked graph has an Input"
    return lead


def match_members(
    where: str, found: Iterable[str | None], names: Sequence[str]
) -> dict[str, str | None]:
    """Which array of a file belongs to which Input.

    Arguments:
        found: names of arrays; None for a single one without a name.
        names: of the Inputs.

    **Raises**: `InputError` for a missing one. Warns about one that belongs to no Input.
    """
    held = list(found)
    if held == [None] and len(names) > 1:
        raise InputError(
            f"{where}: one array without a name, but the graph has the Inputs "
            f"{_listed(names)}; expected an .npz with one array each"
        )
    if len(names) == 1 and len(held) == 1:
        return {names[0]: held[0]}
    known = [name for name in held if name is not None]
    members: dict[str, str | None] = {name: member_name(name) for name in names}
    missing = [name for name in names if members[name] not in known]
    if missing:
        near = did_you_mean(missing[0], known)
        hint = f" {near}" if near.startswith("did") else ""
        raise InputError(
            f"{where}: no array for Input {_listed(missing)}; "
            f"it holds {_listed(known) or 'nothing'};{hint} expected {_listed(names)}"
        )
    extra = sorted(set(known) - set(members.values()))
    if extra:
        warn_caller(f"{where}: {_listed(extra)} belongs to no Input and is ignored")
    return members


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(map(repr, names[:8])) + more
