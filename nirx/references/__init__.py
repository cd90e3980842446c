"""Reference files: the correct outputs and states, step by step, in NIR's own data format."""
