"""How a schedule runs: backends, the executor and its runners, NumPy, and reproducible mode."""
