"""Neurons that turn out to be NIR's: a step as an expression becomes a NIR node and the choices of
a `Discretization`.

Read `recognition.py` first. `forms.py` brings a step into a normal form, `spiking.py` and
`membrane.py` solve it for the parameters of a NIR node, `confirm.py` runs both neurons.
"""
