"""Leaves that import nothing else of nirx but its errors: paths, printable text, tables, type maps."""
