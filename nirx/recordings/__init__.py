"""Recordings of a chip, a library or a backend, read to be compared with nirx.

There are two ways to read one. `load_*` returns whole arrays, {record key: [time, *batch,
*features]}; `nirx.diagnose` searches in them. `stream_*` returns an `ObservedRun`, which reads
slices of time so that memory does not grow with the run; `nirx.verify` compares slice by slice.

- `load_recording`: any format, for `nirx diagnose`
- `load_file`: `.npz`, `.csv`, `.aedat4`, and HDF5 whose datasets or groups of events are named by
  record key
- `load_csv`: one row per spike or value; `load_event_groups`: HDF5 and AEDAT4 with events
- `event_layers`: rows of events by layer, `layer_array`: one layer's rows as an array,
  `event_timing`: how its events fell between steps
- `stream_file`: any format, including a reference file, for `nirx verify`
- `stream_nirdata`: NIR's data format, on a time grid or as events
- `stream_backend`: a backend that runs the reference's own input
- `observed_run`: `ObservedRun` and its `Track`s, which every `stream_*` returns; and
  `stream_arrays`: arrays by record key, from a caller or from `load_file`
- `run_layout`: what a recording has to match: the graph, steps, batch and dtype
- `open_reference`: the layout of a reference file, together with its content

How a file of events is laid out (columns, unit of time, offset, addresses) is an `EventFormat`,
which inputs take too: `nirx/inputs/event_format.py`.
"""
