"""The suite as files, for testing a program without running nirx or its oracle.

    python -m nirx_conformance.store           # compare with a newly computed suite
    python -m nirx_conformance.store --close   # ... and accept other last bits (another CPU)
    python -m nirx_conformance.store --write   # write the files

The folder `stored/` holds three kinds of files. None of them needs nirx or Python.

**manifest.json**: `format` (1), `semantics` (the version of docs/semantics.md), `versions` of the
packages that wrote it, `seeds`, and `cases`: name -> an object with

- `level`, `dtype` (of the run), `tolerance`, `reason`, `source`, `types`: see `FixedCase`;
- `discretization`: every choice, see docs/semantics.md;
- `file` and `graph`: the HDF5 file and the member of graphs.tar.xz that hold the case. Always find
  them through the manifest: their names may change;
- `arrays`: the sections below that the HDF5 file holds: all of them up to 60 kB in total, inputs
  and outputs only up to 1 MB, none above that; the digests are always there;
- `sha256`: section -> digest, for every section that is not empty, and for `graph`.

**graphs.tar.xz**: one `.nir` file per case, as `nirx.write` writes it (`tar xf` unpacks them). HDF5
spends kilobytes of structure on every node, much the same in all files, so one archive takes a
tenth of the space. Floating-point parameters are rounded to the case's dtype.

**<topic>.h5**, named after the module of `cases/`: per case a group with the case's name; in it a
group per section; in that the datasets "0", "1", ... The attribute `paths` of a section is a JSON
list with the path of each dataset in the section's tree, itself a list of texts. A bare array has
the path []. Equal arrays of a case are one dataset with several hard links. bool is HDF5's enum of
int8, FALSE = 0 and TRUE = 1; everything else is float64, float32 (inputs and start of a float32
case) or int64. The sections:

- `inputs`: [time, *batch, *features]; path [] or [name of the Input];
- `warmup`: inputs of earlier steps; the same paths;
- `start`: the state after the warm-up, before the first step of `inputs`;
- `outputs`: [name of the Output] -> [time, *batch, *features], always float64;
- `recordings`: [key] -> the same; the key is a node's path ("sub/lif", its output), or that with
  ".v" or ".i" (its state after the step);
- `state`: after the last step; paths as in docs/semantics.md, [*batch, *features];
- `margins`: [path of a spiking node] -> the distance of its v from the nearest spike decision.
  Where a backend's spike differs and the margin is below tolerance * max(1, largest magnitude of
  the node's recordings), rounding decided, and nothing after that step is to be compared. With a
  tolerance of 0 nothing is excused: such a case has exact numbers only.

A value passes if it is within tolerance * the largest finite magnitude of the node's recordings
(output, .v and .i); spikes have to be equal.

A **digest** is SHA-256 over: the line "nirx digest 1", then leaf by leaf, sorted by encoded path:
the path, a line feed, the line "<dtype> [<shape>]" ("float64 [20, 2, 3]"), and the little-endian
bytes in C order, -0 as 0 and every NaN as 0x7ff8000000000000 (float32: 0x7fc00000). A path is,
text by text, "k", the length in bytes, ":" and the UTF-8. The digest of a graph covers all datasets
of the .nir file except "version"; the path is the HDF5 path, split at "/"; a text is its UTF-8
bytes as uint8 (an array of texts: those of `json.dumps(texts, ensure_ascii=False)`).
"""

from nirx_conformance.store.comparing import compare_store as compare_store
from nirx_conformance.store.reading import STORED as STORED
from nirx_conformance.store.reading import StoredCase as StoredCase
from nirx_conformance.store.reading import read_case as read_case
from nirx_conformance.store.writing import write_store as write_store
