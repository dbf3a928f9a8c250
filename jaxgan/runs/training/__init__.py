"""Training: the loop, its records, evaluations, and populations."""
