"""What a graph is: flattening, shapes, checks, feedback edges, order, state and record keys."""
