"""`Network`: what `from_nir` returns on every backend."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from nirx.graphs.schedule import Schedule

__all__ = ["Network"]


@runtime_checkable
class Network(Protocol):
    """A NIR graph, ready to run on one backend.

    On torch it is also a `torch.nn.Module`, on JAX an `equinox.Module`. Arrays are the
    backend's own. Nothing passed in is ever changed.
    """

    schedule: Schedule
    """Order of execution, shapes, feedback edges and discretization."""

    def __call__(self, x: Any, state: Any = None) -> tuple[Any, dict[str, Any]]:
        """Run one time step.

        Arguments:
            x: `[*batch, *features]`, or a dict `{Input: array}`.
            state: the state that the previous step returned; None starts fresh.

        Returns: the output `[*batch, *features]` (a dict where the graph has several Outputs)
        and the new state.

        **Raises**: `InputError` for a wrong shape, dtype or device.
        """
        ...

    def run(
        self,
        xs: Any,
        state: Any = None,
        record: Any = None,
        chunk: int | None = None,
        checkpoint: bool = False,
    ) -> Any:
        """Run many time steps.

        Arguments:
            xs: `[time, *batch, *features]`, or a dict `{Input: array}`.
            state: where to start; None starts fresh.
            record: paths of nodes and state variables, or `"all"`; see docs/semantics.md.
            chunk: number of steps that are computed together outside feedback; None chooses by
                sizes. It changes speed and memory only.
            checkpoint: keep only the states between chunks for the gradient and recompute the rest
                on the way back: far less memory, about one more forward run. No effect where there
                is no gradient. See docs/long-sequences.md.

        Returns: outputs and the last state; if `record` is given, also the recordings
        `{key: [time, *batch, *features]}`.

        **Raises**: `InputError` for a wrong shape, dtype, device or record key.
        """
        ...

    def init_state(self, batch_shape: Any = ()) -> dict[str, Any]:
        """The state before the first step.

        Arguments:
            batch_shape: an integer or a tuple of integers; `()` for no batch axis.

        Returns: nested dicts that follow the graph; leaves are `[*batch, *features]`.

        **Raises**: `InputError` if `batch_shape` is not a shape.
        """
        ...
