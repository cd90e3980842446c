"""Which integers of a chip made a recording.

1. `one_step`: what each recorded state becomes in one step, against the next recorded state
2. `fits`: how many recorded numbers a whole rule explains, node by node
3. `stages`: the variations that are tried together
4. `search`: stage by stage, until nothing gets better
5. `units`: a graph of fractions in the units of the recording
6. `answer`: the whole of it, from a problem to an answer
7. `words`: what is printed; `nirx/diagnosis/arithmetic_diagnosis.py` is what is returned
"""
