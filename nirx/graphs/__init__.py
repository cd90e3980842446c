"""What a graph is: flattening, shapes, checks, feedback edges, order, state tree and record keys."""
