"""The golden model: a network as C99 that gives nirx's own bits; docs/golden-model.md.

`export.py` is the way in. `model.py` puts a network into C, node by node (`elementwise.py`,
`connections.py`, `delays.py`), from the expressions that the kernels are printed from
(`printing.py`, and `whole_printing.py` for integers). `files.py` lays the files out.
"""
