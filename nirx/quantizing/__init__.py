"""How does a float graph become one in the integers of a chip?

`quantize.py` is the way in. `gains.py` reads neurons, `wires.py` and `units.py` choose what one
unit of every value is, `whole_nodes.py` writes the graph, `measure.py` and `notes.py` report, and
`as_floats.py` runs the integers' numbers in floating point, for `nirx.compare`.
"""
