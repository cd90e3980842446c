"""One HTML page of a run, a comparison, a verification or a move."""
