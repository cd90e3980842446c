"""Verification of a recording against a reference file; the public face is `nirx.verify`."""
