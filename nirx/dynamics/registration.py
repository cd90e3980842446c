"""What `register_type` requires of a class, so that its faults are found before the first run."""

from __future__ import annotations

import inspect
from typing import Any

from nirx.dynamics.base import Dynamics, Elementwise, Stateless
from nirx.dynamics.neuron import Neuron
from nirx.errors import InputError, did_you_mean

__all__ = ["require_dynamics", "require_names", "require_shape_rule"]

BASES = (Neuron, Elementwise, Stateless, Dynamics)

NEEDED: tuple[tuple[type, str, tuple[str, ...]], ...] = (
    (Dynamics, "step", ()),
    (Stateless, "apply", ("step",)),
    (Neuron, "integrate", ("step", "step_with")),
    (Neuron, "membrane_coefficients", ("coefficients",)),
)
"""Members that only raise in the base class, and those of the base class that call them."""

NAMES = ("parameters", "positive", "constants")
"""Class attributes that name attributes of the node."""

SPIKES = ("v_threshold", "v_reset")
"""What `Neuron.coefficients` reads where the neuron spikes."""


def require_dynamics(
    node: type, dynamics: Any, stored: tuple[str, ...], shaped: bool, at: str
) -> None:
    """Refuse dynamics that would fail when the first graph is checked or run.

    Arguments:
        node: the class of the nodes.
        stored: names of its attributes that a file stores.
        shaped: whether the caller gave a rule of shapes, so that nirx never calls `infer_shape`.
        at: where this is asked, for the message.

    **Raises**: `InputError` with the class and the member.
    """
    if not (isinstance(dynamics, type) and issubclass(dynamics, Dynamics)):
        raise InputError(
            f"{at}: dynamics={dynamics!r}; expected a subclass of nirx.dynamics.Dynamics, the "
            "class itself"
        )
    at = f"{at}: {dynamics.__name__}"
    needed = NEEDED if shaped else ((Dynamics, "infer_shape", ()), *NEEDED)
    for base, name, callers in needed:
        if issubclass(dynamics, base) and all(_is_of(dynamics, base, n) for n in (name, *callers)):
            raise InputError(f"{at} has no {name}; expected {_form(base, name)}")
    for base in BASES:
        if issubclass(dynamics, base):
            _require_same_form(dynamics, base, at)
    for attribute in NAMES:
        names = getattr(dynamics, attribute, ())
        require_names(names, f"{at}.{attribute}")
        for name in names:
            if name not in stored and not hasattr(node, name):
                near = did_you_mean(name, stored) or "make it a dataclass field"
                raise InputError(
                    f"{at}.{attribute} names {name!r}, but {node.__name__} has no such field; "
                    f"{near} (or name it in stored=)"
                )
    if (
        issubclass(dynamics, Neuron)
        and dynamics.spiking
        and _is_of(dynamics, Neuron, "coefficients")
    ):
        for name in SPIKES:
            if name not in dynamics.parameters:
                raise InputError(
                    f"{at} spikes, but its parameters have no {name!r}; expected "
                    f"{' and '.join(map(repr, SPIKES))} among them, and as fields of "
                    f"{node.__name__}"
                )


def require_shape_rule(infer_shape: Any, at: str) -> None:
    """Refuse an `infer_shape=` that cannot be called with a node and its input shape.

    **Raises**: `InputError`.
    """
    if not _takes(infer_shape, 2):
        raise InputError(
            f"{at}: infer_shape={infer_shape!r} does not fit; expected a function "
            "(node, input_shape) -> output shape"
        )


def require_names(names: Any, at: str) -> None:
    """Refuse anything but a tuple or list of names. **Raises** `InputError`."""
    if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{at} is {names!r}; expected a tuple of names, such as ('tau',)")


def _require_same_form(dynamics: type, base: type, at: str) -> None:
    """Refuse a member that nirx cannot call, or read, as it does that of the base class."""
    for name, own in vars(base).items():
        if name.startswith("_") or _is_of(dynamics, base, name):
            continue
        found = inspect.getattr_static(dynamics, name)
        if isinstance(own, property):
            good = not callable(found)
        elif isinstance(own, classmethod) or callable(own):
            good = _takes(getattr(dynamics, name), len(_arguments(getattr(base, name))))
        else:
            continue
        if not good:
            raise InputError(f"{at}.{name} does not fit; expected {_form(base, name)}")


def _is_of(dynamics: type, base: type, name: str) -> bool:
    """Whether a member is the very one that the base class defines."""
    return inspect.getattr_static(dynamics, name) is inspect.getattr_static(base, name)


def _form(base: type, name: str) -> str:
    """What a member has to be: `"a classmethod infer_shape(node, input_shape)"`."""
    own = vars(base)[name]
    if isinstance(own, property):
        return f"a property {name}"
    kind = "classmethod" if isinstance(own, classmethod) else "method"
    return f"a {kind} {name}({', '.join(_arguments(getattr(base, name)))})"


def _arguments(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def _takes(function: Any, count: int) -> bool:
    """Whether something can be called with so many arguments; functions of C do not tell."""
    if not callable(function):
        return False
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:
        return True
    return True
