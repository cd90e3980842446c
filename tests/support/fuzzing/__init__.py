"""Inputs that nobody would write, made from seeds, and what nirx makes of them.

`python -m support.fuzzing --minutes 10` (with `tests` in PYTHONPATH) runs them; `make fuzz` does.
Every input is made again from its kind and its seed: `--only nir-bytes:17`.
"""
