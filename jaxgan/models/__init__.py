"""Networks to train: flax.linen modules; `jaxgan.nets.from_linen` hands them to a recipe."""

from jaxgan.models import dcgan, layers, mlp, sizes

__all__ = ["dcgan", "layers", "mlp", "sizes"]
