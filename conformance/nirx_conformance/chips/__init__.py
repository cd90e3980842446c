"""The vendors' own simulators of digital chips: run in an environment of their own, in integers.

`make chips` builds that environment. `simulators.py` asks a simulator; `loihi.py` and
`xylo.py` describe a network once, for the simulator and as a NIR graph.
"""
