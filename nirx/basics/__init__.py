"""Leaves that import nothing of nirx but its errors: paths, printable text, tables, type maps."""
