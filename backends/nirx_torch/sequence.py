"""`Sequence`: a tensor with a time axis during the trace of a forward that loops over time.

It stands for one value per time step, made when a step is read. What forward does to the whole
tensor it does to every step, if that is what the operation means: a layer applied to all steps
at once, a permutation that moves the time axis, time merged with the batch and parted again.
Whatever looks across steps is refused here, with its line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import fx

from nirx_torch.sequence_axes import AcrossSteps, UnknownSizes, WrongAxis, moved_axes
from nirx_torch.step_proxy import Sizes

__all__ = ["AcrossSteps", "FinalState", "Sequence", "WrongAxis", "applied", "over_steps", "stacked"]

Steps = Callable[[int], Any]


class FinalState:
    """The state of a module after all steps; `last(count)` gives it."""

    def __init__(self, last: Callable[[int], Any]):
        self.last = last


class Sequence:
    """A tensor [time, batch, ...] or [batch, time, ...].

    Arguments:
        tracer: of the trace.
        steps: step -> its value, without the time axis.
        axis: of time, 0 or 1.
        merged: whether time and batch are one axis, which then is the first.
        count: how many steps there are, where that is certain.
    """

    def __init__(
        self, tracer: Any, steps: Steps, axis: int, merged: bool = False, count: int | None = None
    ):
        self.tracer, self.axis, self.merged, self.count = tracer, axis, merged, count
        self._steps, self._made = steps, {}

    def step(self, number: int) -> Any:
        """The value of one step."""
        if number not in self._made:
            self._made[number] = self._steps(number)
        return self._made[number]

    def map(self, function: Callable[[Any], Any]) -> Sequence:
        """The same function of every step's value."""
        return self._like(lambda number: function(self.step(number)))

    def _like(self, steps: Steps, axis: int | None = None, merged: bool | None = None) -> Sequence:
        return Sequence(
            self.tracer,
            steps,
            self.axis if axis is None else axis,
            self.merged if merged is None else merged,
            self.count,
        )

    def _length(self) -> int:
        return self.tracer.length if self.count is None else self.count

    # -- taken apart --------------------------------------------------------------------

    def __len__(self) -> int:
        return int(self.size(0))

    def __iter__(self) -> Iterator[Any]:
        return iter(self.unbind(0))

    def unbind(self, dim: int = 0) -> tuple[Any, ...]:
        """The values of all steps."""
        self._require_time(dim)
        return tuple(self.tracer.read_step(self, number) for number in range(self._length()))

    def select(self, dim: int, index: int) -> Any:
        """The value of one step."""
        self._require_time(dim)
        return self[(slice(None),) * self.axis + (index,)]

    def split(self, size: int, dim: int = 0) -> tuple[Sequence, ...]:
        """Sequences of one step each."""
        self._require_time(dim)
        if size != 1:
            raise AcrossSteps(f"{self._where()} takes {size} steps at once{REWRITE}")
        return tuple(
            Sequence(self.tracer, lambda _, n=n: self.tracer.read_step(self, n), self.axis, count=1)
            for n in range(self._length())
        )

    def chunk(self, chunks: int, dim: int = 0) -> tuple[Sequence, ...]:
        """The same, by the number of parts."""
        return self.split(self._length() // chunks if chunks else 0, dim)

    def __getitem__(self, key: Any) -> Any:
        keys = list(key) if isinstance(key, tuple) else [key]
        while keys and (keys[-1] is Ellipsis or _is_all(keys[-1])):
            keys.pop()
        if not keys:
            return self
        front = keys[: self.axis]
        if self.merged or len(keys) <= self.axis or not all(map(_is_all, front)):
            raise WrongAxis(f"{self._where()} indexes the batch of a tensor")
        time, rest = keys[self.axis], keys[self.axis + 1 :]
        if isinstance(time, bool) or not isinstance(time, int):
            if _is_all(time):
                return self.map(lambda value: value[(*front, slice(None), *rest)[self.axis :]])
            raise AcrossSteps(
                f"{self._where()} indexes the time axis by a {type(time).__name__}; "
                f"forward must take the steps one by one, by their number{REWRITE}"
            )
        if time < 0:
            raise AcrossSteps(
                f"{self._where()} reads the last step of a sequence only, which is not the same "
                f"in every step{REWRITE}"
            )
        value = self.tracer.read_step(self, time)
        return value[(slice(None), *rest)] if rest else value

    def _require_time(self, dim: Any) -> None:
        if self.merged or dim != self.axis:
            raise WrongAxis(f"{self._where()} takes axis {dim} apart")

    # -- sizes --------------------------------------------------------------------------

    def size(self, dim: int | None = None) -> Any:
        """The shape, or one size of it."""
        return self.shape if dim is None else self.shape[dim]

    @property
    def shape(self) -> Any:
        """The shape: steps as a number, the batch as a symbol, features where they are known."""
        inner = self.step(0).shape
        if not isinstance(inner, tuple):
            return UnknownSizes(self, inner)
        if self.merged:
            return Sizes((self._length() * inner[0], *inner[1:]))
        return Sizes((*inner[: self.axis], self._length(), *inner[self.axis :]))

    @property
    def ndim(self) -> Any:
        """The number of axes."""
        return self.step(0).ndim + (not self.merged)

    def dim(self) -> Any:
        """The same."""
        return self.ndim

    # -- anything else ------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("device", "dtype", "requires_grad"):
            return getattr(self.step(0), name)
        return lambda *args, **kwargs: applied(self.tracer, name, (self, *args), kwargs)

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        found = next(a for a in _leaves((args, kwargs or {})) if isinstance(a, Sequence))
        return applied(found.tracer, function, args, kwargs or {})

    def _where(self) -> str:
        return self.tracer.here()


REWRITE = (
    "; do the same in every step, return torch.stack of the outputs of all steps, and take the "
    "mean, the sum or the last step outside forward"
)


def _operator(name: str) -> Any:
    def operate(self: Sequence, *others: Any) -> Any:
        return applied(self.tracer, name, (self, *others), {})

    return operate


for _name in ("add", "sub", "mul", "truediv", "radd", "rsub", "rmul", "rtruediv", "neg", "matmul"):
    setattr(Sequence, f"__{_name}__", _operator(f"__{_name}__"))

POINTWISE = {
    *("__add__", "__sub__", "__mul__", "__truediv__", "__radd__", "__rsub__", "__rmul__"),
    *("__rtruediv__", "__neg__", "__matmul__", "add", "sub", "mul", "div", "neg", "multiply"),
    *("subtract", "divide", "negative", "matmul", "linear", "to", "float", "double", "type_as"),
    *("contiguous", "clone", "detach", "cpu", "cuda", "half", "bfloat16", "type", "dropout"),
    *("zeros_like", "relu"),
}
"""Operations that do to every step what they do to the whole."""


def applied(tracer: Any, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """An operation on tensors with a time axis; `function` is one, or the name of a method."""
    name = function if isinstance(function, str) else getattr(function, "__name__", "")
    first = args[0] if args else kwargs.get("input")
    if isinstance(first, Sequence):
        if name == "unbind":
            return first.unbind(*args[1:], **kwargs)
        if name in ("select", "size", "split", "chunk"):
            return getattr(first, name)(*args[1:], **kwargs)
        moved = moved_axes(first, name, args[1:], kwargs)
        if moved is not None:
            return moved
    if name in POINTWISE or first is None or not isinstance(first, Sequence):
        return over_steps(tracer, lambda a, k: _call(function, a, k), args, kwargs)
    if first.merged and name in PER_SAMPLE:
        return over_steps(tracer, lambda a, k: _call(function, a, k), args, kwargs)
    raise AcrossSteps(
        f"{tracer.here()} applies {name} to all time steps at once, which is not one step of a "
        f"network{REWRITE}"
    )


PER_SAMPLE = {
    *("conv1d", "conv2d", "avg_pool2d", "max_pool2d", "flatten", "view", "reshape", "unsqueeze"),
    *("squeeze", "permute", "transpose", "unflatten"),
}
"""What acts on every sample alike, however many samples there are."""


def over_steps(
    tracer: Any, function: Callable[[Any, Any], Any], args: Any, kwargs: Any
) -> Sequence:
    """What a function of steps gives in every step; sequences among its arguments are taken apart.

    **Raises**: `AcrossSteps` for sequences that do not fit each other.
    """
    found = [a for a in _leaves((args, kwargs)) if isinstance(a, Sequence)]
    layouts = {(s.axis, s.merged) for s in found}
    if len(layouts) != 1:
        raise AcrossSteps(f"{tracer.here()} mixes tensors whose time axes differ{REWRITE}")
    return found[0]._like(
        lambda number: function(*_in_step((args, kwargs), number)),
    )


def _in_step(tree: Any, number: int) -> Any:
    if isinstance(tree, Sequence):
        return tree.step(number)
    if isinstance(tree, tuple | list):
        return tuple(_in_step(part, number) for part in tree)
    if isinstance(tree, dict):
        return {key: _in_step(part, number) for key, part in tree.items()}
    return tree


def _leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict):
        tree = tuple(tree.values())
    if isinstance(tree, tuple | list):
        for part in tree:
            yield from _leaves(part)
    else:
        yield tree


def _call(function: Any, args: Any, kwargs: Any) -> Any:
    if isinstance(function, str):
        return getattr(args[0], function)(*args[1:], **kwargs)
    return function(*args, **kwargs)


def _is_all(key: Any) -> bool:
    return isinstance(key, slice) and key == slice(None)


def stacked(tracer: Any, parts: Any, dim: int) -> Sequence | None:
    """A list of values of successive steps as a sequence along a new axis `dim`."""
    parts = list(parts)
    if dim not in (0, 1) or not parts or not all(isinstance(p, fx.Proxy) for p in parts):
        return None
    return Sequence(tracer, lambda number: parts[number], dim, count=len(parts))
