"""The settings of a run that takes a second."""

RING = {
    "dataset": "ring",
    "model": "mlp",
    "width": 16,
    "latent_dim": 4,
    "parallel": "jit",
    "steps_per_call": 10,
}
