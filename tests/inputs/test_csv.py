"""CSV files as inputs: tables with a row per step, lists with a row per event."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nirx.errors import FileError, InputError, NirxWarning
from support.inputs import input_schedule, read


def text(tmp_path: Path, content: str | bytes, name: str = "x.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_table_without_header(tmp_path):
    found = read(text(tmp_path, "\ufeff1, 2,3\r\n\r\n4,5e1,-6\r\n"))
    assert found.tolist() == [[[1, 2, 3]], [[4, 50, -6]]]


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("", FileError, "no rows"),
        ("1,2\n", InputError, "line 1: 2 columns; expected 3"),
        ("1,2,3\n1,2\n", InputError, "line 2: 2 columns; expected 3, one per feature"),
        ("1,2,3\n1,x,3\n", InputError, "line 2: value is 'x'; expected a finite number"),
        ("O.5,1,1\n1,0,0\n", InputError, "line 1: column 1 is 'O.5', which is not a number, but c"),
        ("0x1,2,3\n", InputError, "column 2 is '2'; expected numbers alone, or a header in which"),
        ("1,,3\n1,0,0\n", InputError, "line 1: column 2 is '', which is not a number"),
        ("1_0,2,3\n", InputError, "line 1: value is '1_0'; expected a number in the digits 0 to"),
        ("1,2,3\n1,2,\u0663\n", InputError, "line 2: value is '\u0663'; expected a number in the"),
        ("step,index\n1_0,0\n", InputError, "line 2: step is '1_0'; expected a number in the dig"),
        ("step,index\n1,\u0661\n", InputError, "line 2: index is '\u0661'; expected a number"),
        ("step,index,value\n1,1,1_0\n", InputError, "line 2: value is '1_0'"),
        ("t,x,sample\n1,1,0_0\n", InputError, "line 2: sample is '0_0'"),
        ("a,b,c\n1,nan,3\n", InputError, "line 2: value is 'nan'"),
        ("step,a,b,c\n1,2,3,4\n", InputError, "line 1: a header of 4 columns; expected 3"),
        (b"\xff\xfe", FileError, "not a text in UTF-8"),
        ('1,2,"3\n', FileError, "not a CSV file"),
        ("step,index,valeu\n", FileError, "line 1: unknown column 'valeu'; did you mean 'value'"),
        ("step,step,index\n", FileError, "line 1: two columns 'step'"),
        ("step,t,index\n", FileError, "'step' and 't'; expected one"),
        ("step,index,y\n", FileError, "y and p go with x"),
        ("step,index\n1\n", FileError, "line 2: expected 2 fields"),
        ("step,index\n1,3\n", InputError, "line 2: index is '3'; expected 0..2"),
        ("step,index\n1,0\n-1,2\n", InputError, "line 3: time -1 is before the start"),
        ("step,index\n1,0\n1.5,2\n", InputError, "line 3: expected a whole number of steps"),
        ("step,index\nx,0\n", InputError, "line 2: step is 'x'"),
        ("step,index,value\n0,0,inf\n", InputError, "line 2: value is 'inf'"),
        ("step,index,sample\n0,0,-2\n", InputError, "line 2: sample is '-2'"),
        ("t,index\n0,0\n1e300,1\n", InputError, "line 3: time 1e.300 is in step"),
        ("t,x\n0,0\n0,5\n", InputError, "line 3: x is 5, but the Input has 3"),
        ("t,x\n0,0.5\n", InputError, "line 2: x is 0.5; expected whole numbers"),
    ],
)
def test_bad_tables_and_lists_are_refused(tmp_path, content, error, message):
    with pytest.raises(error, match=message):
        read(text(tmp_path, content))


def test_a_list_of_events(tmp_path):
    path = text(tmp_path, "Step,Index,Value,Sample\n3,2,,1\n0,1,0.5,0\n0,1,0.25,0\n")
    found = read(path)
    assert found.shape == (4, 2, 3)
    places = [tuple(p) for p in np.argwhere(found)]
    assert {p: found[p] for p in places} == {(3, 1, 2): 1, (0, 0, 1): 0.75}
    assert read(f"csv:{path},merge=any").max() == 1
    assert read(path, steps=9).shape == (9, 2, 3)
    with pytest.warns(NirxWarning, match="events after step 1 are left out"):
        assert read(path, steps=2).sum() == 0.75
    with pytest.raises(InputError, match=r"a unit of time .* goes with times"):
        read(f"csv:{path},unit=us")
    with pytest.raises(InputError, match="unit= goes with events"):
        read(f"csv:{text(tmp_path, '1,2,3', 'y.csv')},unit=us")


def test_a_list_of_events_of_pixels(tmp_path):
    path = text(tmp_path, "t,x,y,p\n1999,2,1,1\n2000,0,0,-1\n2001,0,0,0\n")
    found = read(path, input_schedule(2, 2, 3))
    assert found.shape == (3, 1, 2, 2, 3)
    assert (found[1, 0, 1, 1, 2], found[2, 0, 0, 0, 0], found.sum()) == (1, 2, 3)
    assert read(f"csv:{path},unit=ms,start=1999", input_schedule(2, 2, 3)).shape[0] == 3


def test_all_events_in_the_first_step_are_reported(tmp_path):
    with pytest.warns(NirxWarning, match="all events fall into step 0; is the unit"):
        read(text(tmp_path, "t,index\n0.1,0\n0.9,1\n"))
