"""One D step and one G step in PyTorch: what a good PyTorch user writes, eager or compiled."""

import contextlib
from collections.abc import Callable

import torch
from torch import nn

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def non_saturating_d(real, fake):
    """Mean of softplus(-D(x)) + softplus(D(G(z)))."""
    return (nn.functional.softplus(-real) + nn.functional.softplus(fake)).mean()


def non_saturating_g(fake):
    """Mean of softplus(-D(G(z)))."""
    return nn.functional.softplus(-fake).mean()


def wasserstein_d(real, fake):
    """Mean of D(G(z)) - D(x)."""
    return (fake - real).mean()


def wasserstein_g(fake):
    """Mean of -D(G(z))."""
    return -fake.mean()


LOSSES = {
    "non_saturating": (non_saturating_d, non_saturating_g),
    "wasserstein": (wasserstein_d, wasserstein_g),
}


class Trainer:
    """Both players and their optimizers.

    Args:
        generator: z `[B, latent]` to images.
        discriminator: images to logits `[B]`.
        loss: a name of `LOSSES`.
        penalty_weight: of the WGAN-GP penalty; 0 for none.
        one_batch: show D real and fake images in one batch, not in two.
        learning_rates: of G and of D, for Adam with betas (0.5, 0.999).
        compile_mode: `None` for eager, else the mode of `torch.compile`.
        autocast: compute in bfloat16, with float32 weights.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        loss: str,
        penalty_weight: float,
        one_batch: bool,
        learning_rates: tuple[float, float],
        compile_mode: str | None = None,
        autocast: bool = False,
    ):
        self.generator, self.discriminator = generator, discriminator
        self._d_loss, self._g_loss = LOSSES[loss]
        self._penalty_weight, self._one_batch = penalty_weight, one_batch
        self._autocast = autocast
        self._device = next(generator.parameters()).device.type
        g_lr, d_lr = learning_rates
        self._g_optimizer = _adam(generator, g_lr)
        self._d_optimizer = _adam(discriminator, d_lr)
        self._d_forward, self._g_forward = self._d_objective, self._g_objective
        if compile_mode is not None:
            self._d_forward = torch.compile(self._d_objective, mode=compile_mode)
            self._g_forward = torch.compile(self._g_objective, mode=compile_mode)

    def d_step(self, real: torch.Tensor, z: torch.Tensor, mix: torch.Tensor | None = None):
        """Update D on real images and on G(z); `mix` `[B, 1, 1, 1]` places the penalty."""
        self.discriminator.requires_grad_(True)
        with self._precision():
            loss = self._d_forward(real, z, mix)
        return _update(self._d_optimizer, loss)

    def g_step(self, z: torch.Tensor):
        """Update G, without work for the gradient of D's weights."""
        self.discriminator.requires_grad_(False)
        with self._precision():
            loss = self._g_forward(z)
        return _update(self._g_optimizer, loss)

    def _d_objective(self, real, z, mix):
        with torch.no_grad():
            fake = self.generator(z)
        if self._one_batch:
            logits = self.discriminator(torch.cat([real, fake])).chunk(2)
        else:
            logits = self.discriminator(real), self.discriminator(fake)
        loss = self._d_loss(*logits)
        if self._penalty_weight:
            between = (mix * real + (1 - mix) * fake).requires_grad_(True)
            logits = self.discriminator(between).sum()
            (gradient,) = torch.autograd.grad(logits, between, create_graph=True)
            norm = gradient.flatten(1).square().sum(1).add(1e-12).sqrt()
            loss = loss + self._penalty_weight * (norm - 1).square().mean()
        return loss

    def _g_objective(self, z):
        return self._g_loss(self.discriminator(self.generator(z)))

    def _precision(self):
        if not self._autocast:
            return contextlib.nullcontext()
        return torch.autocast(self._device, torch.bfloat16)


def _adam(network, learning_rate):
    # The fused Adam is the fastest that PyTorch has, on CPU and on CUDA.
    return torch.optim.Adam(network.parameters(), learning_rate, betas=(0.5, 0.999), fused=True)


def _update(optimizer, loss):
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.detach()
