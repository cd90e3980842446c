"""What drives a graph: arrays, files, event lists and generators, read in slices of time.

To add an input source:

1. One file here with a subclass of `SlicedSource`. Its `__init__` passes steps, batch and what the
   numbers depend on to the base class; its `_values(name, start, stop)` returns the numbers of
   some steps. `generators.py` has short ones, `npy.py` reads a file.
2. One line in `choose.py`: in FILES for a kind of file (and perhaps in SUFFIXES), in GENERATORS of
   `generators.py` for a rule. `"kind:name=value"` then reaches it with its `Options`.
3. One line in `KINDS` of tests/inputs/test_kinds.py, whose tests apply to every kind, and a row in
   docs/inputs.md.
"""

from nirx.inputs.choose import source_for as source_for
from nirx.inputs.protocol import Source as Source
