"""What tests share: builders of graphs, networks on any backend, and comparisons of results."""
