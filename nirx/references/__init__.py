"""Reference files: what the right answer is, step by step, in NIR's own data format."""
