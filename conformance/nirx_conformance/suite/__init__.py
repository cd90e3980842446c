"""The conformance suite: cases, outcomes, the judge, the runner and the report."""
