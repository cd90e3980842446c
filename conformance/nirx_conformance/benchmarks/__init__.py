"""`nirx bench`: nirx against other libraries, on the same weights and the same input.

`networks.py` holds the networks, `peers/` one file per library, `agreement.py` the check before
any timing, `measure.py` the rounds, `page.py` docs/performance.md.
"""
