"""Nodes in the arithmetic of digital chips; docs/integers.md has the equations.

Every value is a whole number below 2**53, which float64 holds exactly: the steps are written over
the same `Ops` as all others, and are exact on every backend and in any order of summation.
"""
