"""Neurons outside NIR, recorded from the libraries that define them.

A record holds the `nirx.Neuron` that was traced from a library's own cell, an input, and what the
library computed on it. The library is the oracle: nothing in a record comes from nirx's step.
`python -m nirx_conformance.record_neurons` makes the records again, in the environment of the
libraries.
"""

from nirx_conformance.recorded.record import RECORDED_CASES as RECORDED_CASES
from nirx_conformance.recorded.record import RecordedCase as RecordedCase
from nirx_conformance.recorded.record import write_record as write_record
