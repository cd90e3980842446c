"""The records of the level `neurons` are what the libraries installed here compute and give."""

import numpy as np
import pytest
import torch

from nirx_conformance.recorded import RECORDED_CASES
from nirx_conformance.recorded.torch_cells import CELLS, run_cell, traced


@pytest.fixture(autouse=True)
def _in_float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize("library", CELLS)
def test_the_library_computes_and_gives_what_is_recorded(library):
    pytest.importorskip(library)
    records = {case.name: case for case in RECORDED_CASES}
    for cell in CELLS[library]():
        module, xs, ys, states = run_cell(cell)
        case = records.pop(cell.name)
        np.testing.assert_array_equal(case.inputs, xs)
        np.testing.assert_allclose(case.outputs, ys, rtol=1e-9, atol=1e-9, err_msg=cell.name)
        for name, values in case.states.items():
            np.testing.assert_allclose(values, states[name], rtol=1e-7, atol=1e-7)
        assert traced(module, xs.shape[2:]).step.digest == case.neuron.step.digest, cell.name
    assert not [name for name in records if name.startswith(f"{library} ")]
