"""Evidence that backends agree: oracle, closed forms, random graphs, cases and the demo."""
