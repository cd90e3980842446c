"""Units: brainpy's quantities as plain numbers, and back.

NIR's numbers have no units. Here a time is in seconds, a voltage in millivolts, a current in
milliamperes, a conductance in millisiemens and a resistance in ohms, so that R*I is a voltage;
numbers without units are not changed.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportMissingImports=false

from __future__ import annotations

from typing import Any

import brainunit as u
import numpy as np

from nirx.errors import UnsupportedError

__all__ = ["plain", "unit_of"]

BASE = (u.second, u.mvolt, u.mamp, u.ohm, u.msiemens)


def unit_of(value: Any) -> Any:
    """The unit for a value, or None for a plain number.

    **Raises**: `UnsupportedError` for a dimension that NIR does not have.
    """
    if not isinstance(value, u.Quantity) or value.dim.is_dimensionless:
        return None
    for unit in BASE:
        if value.dim == unit.dim:
            return unit
    raise UnsupportedError(
        f"a quantity in {value.unit}; expected a time, a voltage, a current, a resistance, a "
        "conductance, or a number without unit"
    )


def plain(value: Any) -> Any:
    """The number of a quantity in the unit of `unit_of`."""
    unit = unit_of(value)
    if unit is not None:
        return value.to_decimal(unit)
    return value.to_decimal() if isinstance(value, u.Quantity) else value


def plain_numbers(value: Any) -> np.ndarray:
    """The same in float64."""
    return np.array(plain(value), np.float64)
