"""What bridges to SNN libraries share: the algebra of a membrane, limits, rules, fidelity."""
