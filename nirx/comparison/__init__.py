"""Do two runs agree? Comparisons, the first divergence, ULP distances, digests and plots."""
