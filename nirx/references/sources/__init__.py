"""What drives a graph: files, event lists, generators and arrays, read in slices of time."""

from nirx.references.sources.choose import source_for as source_for
from nirx.references.sources.protocol import Source as Source
