"""What is compared: settings of `experiments/train.py`, with shapes of images."""

from jaxgan.runs.config import Config, make

Case = tuple[Config, tuple[int, int, int]]

_SMALL = (32, 32, 3)

CASES: dict[str, Case] = {
    "dcgan_32": (make(width=64, ema_decay=0.0), _SMALL),
    "dcgan_64": (make(width=64, ema_decay=0.0), (64, 64, 3)),
    "dense": (make(model="mlp", width=256, one_batch=True, ema_decay=0.0), (28, 28, 1)),
    "wgan_gp": (
        make(
            width=64,
            loss="wasserstein",
            penalty="gradient_penalty",
            d_norm="layer",
            one_batch=True,
            d_steps=5,
            ema_decay=0.0,
        ),
        _SMALL,
    ),
    "sngan": (
        make(
            model="resnet",
            width=32,
            spectral_norm=True,
            loss="hinge",
            one_batch=True,
            beta1=0.0,
            beta2=0.9,
            ema_decay=0.0,
        ),
        _SMALL,
    ),
    "r3gan": (
        make(
            model="r3gan",
            widths="64,64,32,16",
            blocks=1,
            latent_dim=64,
            loss="relativistic_paired",
            penalty="r1_r2",
            penalty_weight=1.0,
            beta1=0.0,
            beta2=0.9,
            batch_size=32,
            ema_decay=0.0,
        ),
        _SMALL,
    ),
    "stylegan2": (
        make(
            recipe="stylegan2",
            width=16,
            latent_dim=64,
            mixing=0.0,
            penalty_weight=1.0,
            batch_size=32,
            ema_decay=0.0,
        ),
        _SMALL,
    ),
    "pix2pix": (
        make(recipe="pix2pix", width=32, stages=5, dropout=0.0, batch_size=32),
        _SMALL,
    ),
    "cyclegan": (make(recipe="cyclegan", width=32, blocks=3, batch_size=16), _SMALL),
}


def case(
    name: str, *, batch_size: int | None = None, precision: str = "float32", tiny: bool = False
) -> Case:
    """Return a case with another batch size and precision, or with networks to try scripts with."""
    config, shape = CASES[name]
    small = {"width": 4} | ({"widths": "16,16,16,16"} if config.networks.model == "r3gan" else {})
    config = config.replace(precision=precision, **(small if tiny else {}))
    return config.replace(batch_size=batch_size) if batch_size else config, shape
