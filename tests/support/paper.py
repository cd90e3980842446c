"""Public files beside the checkout; where there are none, tests that need them skip and say so."""

from __future__ import annotations

from pathlib import Path

import pytest

__all__ = ["ROOT", "shared_folder"]

ROOT = Path(__file__).parents[2]
"""The checkout."""


def shared_folder(name: str) -> Path:
    """A folder of `../shared`, such as "nir_paper"; skips the test where it is absent."""
    folder = ROOT.parent / "shared" / name
    if not folder.is_dir():
        pytest.skip(f"the public files are not there: {folder}")
    return folder
