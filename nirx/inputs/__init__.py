"""What drives a graph: files, event lists, generators and arrays, read in slices of time."""

from nirx.inputs.choose import source_for as source_for
from nirx.inputs.protocol import Source as Source
