"""Training a run: the loop, its record, its evaluations, and populations."""
