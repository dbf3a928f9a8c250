"""One D step and one G step in PyTorch: what a good PyTorch user writes, eager or compiled.

Batches are pairs (x, y) as in jaxgan; y is None, or the pictures of another domain.
"""

import contextlib
import random
from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

Batch = tuple[torch.Tensor, torch.Tensor | None]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

LOSSES: dict[str, tuple[Loss, Loss]] = {
    "non_saturating": (
        lambda real, fake: (F.softplus(-real) + F.softplus(fake)).mean(),
        lambda real, fake: F.softplus(-fake).mean(),
    ),
    "wasserstein": (lambda real, fake: (fake - real).mean(), lambda real, fake: -fake.mean()),
    "hinge": (
        lambda real, fake: (torch.relu(1 - real) + torch.relu(1 + fake)).mean(),
        lambda real, fake: -fake.mean(),
    ),
    "relativistic_paired": (
        lambda real, fake: F.softplus(fake - real).mean(),
        lambda real, fake: F.softplus(real - fake).mean(),
    ),
    # CycleGAN's, which halves D's squares but not G's.
    "least_squares": (
        lambda real, fake: ((real - 1).square() + fake.square()).mean() / 2,
        lambda real, fake: (fake - 1).square().mean(),
    ),
}
"""Of D and of G, functions of the logits of real and of fake examples."""


class Players(ABC):
    """Two players, their optimizers, and when they learn.

    Args:
        generator: a network, or several.
        discriminator: likewise.
        loss: a name of `LOSSES`.
        learning_rates: of G and of D.
        betas: of Adam.
        compile_mode: `None` for eager, else the mode of `torch.compile`.
        autocast: compute in bfloat16, with float32 weights.
        device: where to.
        layout: memory format of the weights.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        loss: str,
        learning_rates: tuple[float, float],
        betas: tuple[float, float],
        compile_mode: str | None = None,
        autocast: bool = False,
        device: str = "cpu",
        layout: torch.memory_format = torch.contiguous_format,
    ):
        generator, discriminator = (
            network.to(device, memory_format=layout) for network in (generator, discriminator)
        )
        self.generator, self.discriminator = generator, discriminator
        self._d_loss, self._g_loss = LOSSES[loss]
        self._autocast = autocast
        self._device = torch.device(device)
        # The fused Adam is the fastest that PyTorch has, on CPU and on CUDA.
        self._g_optimizer, self._d_optimizer = (
            torch.optim.Adam(network.parameters(), rate, betas=betas, fused=True)
            for network, rate in zip((generator, discriminator), learning_rates, strict=True)
        )
        self._steps = {"g": 0, "d": 0}
        self._d_forward, self._g_forward = self.d_objective, self.g_objective
        self._is_compiled = compile_mode is not None
        if compile_mode is not None:
            self._d_forward = torch.compile(self.d_objective, mode=compile_mode)
            self._g_forward = torch.compile(self.g_objective, mode=compile_mode)

    def d_step(self, batch: Batch) -> torch.Tensor:
        """Update D, and return its loss."""
        self.discriminator.requires_grad_(True)
        return self._update(self._d_optimizer, self._d_forward, "d", batch)

    def g_step(self, batch: Batch) -> torch.Tensor:
        """Update G, without work for the gradient of D's weights, and return its loss."""
        self.discriminator.requires_grad_(False)
        return self._update(self._g_optimizer, self._g_forward, "g", batch)

    @abstractmethod
    def d_objective(self, x, y, step: int) -> torch.Tensor:
        """What D minimizes."""

    @abstractmethod
    def g_objective(self, x, y, step: int) -> torch.Tensor:
        """What G minimizes."""

    def _update(self, optimizer, objective, player, batch):
        precision = torch.autocast(self._device.type, torch.bfloat16)
        if self._is_compiled:  # what the last step's CUDA graphs gave may be overwritten
            torch.compiler.cudagraph_mark_step_begin()
        with precision if self._autocast else contextlib.nullcontext():
            loss = objective(*batch, self._steps[player])
        self._steps[player] += 1
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach()


class Trainer(Players):
    """A GAN from noise, with the keywords of `Players` and these.

    Args:
        latent: size of z.
        penalty: `"none"`, `"gradient_penalty"`, `"r1"` or `"r1_r2"`.
        penalty_weight: its weight.
        penalty_every: pay it in every k-th step, k times as much.
        one_batch: show D real and fake images in one batch, not in two.
        path_weight: of StyleGAN2's path lengths; 0 for none.
        path_every: likewise.
    """

    def __init__(
        self,
        *networks: nn.Module,
        latent: int,
        penalty: str,
        penalty_weight: float,
        penalty_every: int,
        one_batch: bool,
        path_weight: float = 0.0,
        path_every: int = 1,
        **settings,
    ):
        super().__init__(*networks, **settings)
        self._latent, self._one_batch = latent, one_batch
        self._penalty, self._weight, self._every = penalty, penalty_weight, penalty_every
        self._path_weight, self._path_every = path_weight, path_every
        self._path_length = torch.zeros([], device=self._device)

    def _z(self, count):
        return torch.randn(count, self._latent, device=self._device)

    def d_objective(self, x, y, step):
        """Loss and penalty; the logits that they share are computed once."""
        with torch.no_grad():
            fake = self.generator(self._z(len(x)))
        pays = self._penalty != "none" and step % self._every == 0
        smooth = {"r1": [x], "r1_r2": [x, fake]}.get(self._penalty, []) if pays else []
        for images in smooth:
            images.requires_grad_(True)
        if self._one_batch:
            logits = self.discriminator(torch.cat([x, fake])).chunk(2)
        else:
            logits = self.discriminator(x), self.discriminator(fake)
        loss = self._d_loss(*logits)
        if not pays:
            return loss
        if self._penalty == "gradient_penalty":
            mix = torch.rand(len(x), 1, 1, 1, device=self._device)
            between = (mix * x + (1 - mix) * fake).requires_grad_(True)
            norm = (_square(self.discriminator(between), between) + 1e-12).sqrt()
            penalty = (norm - 1).square().mean()
        else:
            squares = map(_square, logits, smooth)
            penalty = sum(square.mean() for square in squares) / 2
        return loss + self._weight * self._every * penalty

    def g_objective(self, x, y, step):
        """Loss, and path lengths of half a batch."""
        fake = self.generator(self._z(len(x)))
        # Only the relativistic loss looks at real images.
        real = self.discriminator(x) if self._g_loss is LOSSES["relativistic_paired"][1] else None
        loss = self._g_loss(real, self.discriminator(fake))
        if self._path_weight and step % self._path_every == 0:
            styles = self.generator.styles(self._z(len(x) // 2))
            images = self.generator.synthesis(styles)
            noise = torch.randn(*images.shape, device=self._device)
            value = (images * noise).sum() / (images.shape[2] * images.shape[3]) ** 0.5
            (gradient,) = torch.autograd.grad(value, styles, create_graph=True)
            lengths = (gradient.square().sum(2).mean(1) + 1e-12).sqrt()
            share = 0.01 if step else 1.0
            self._path_length = self._path_length.to(lengths).lerp(lengths.mean().detach(), share)
            apart = (lengths - self._path_length).square().mean()
            loss = loss + self._path_weight * self._path_every * apart
        return loss


class Pix2Pix(Players):
    """Pictures x from others, y, with the keywords of `Players` and the weight of L1."""

    def __init__(self, *networks: nn.Module, content_weight: float, **settings):
        super().__init__(*networks, **settings)
        self._content_weight = content_weight

    def d_objective(self, x, y, step):
        """Loss of pairs."""
        with torch.no_grad():
            fake = self.generator(y)
        pairs = (torch.cat([images, y], 1) for images in (x, fake))
        return self._d_loss(*map(self.discriminator, pairs))

    def g_objective(self, x, y, step):
        """Loss, and distance to x."""
        fake = self.generator(y)
        loss = self._g_loss(None, self.discriminator(torch.cat([fake, y], 1)))
        return loss + self._content_weight * (x - fake).abs().mean()


class CycleGAN(Players):
    """Two translators and two discriminators, with the keywords of `Players` and these.

    Args:
        cycle_weight: of the way there and back.
        identity_weight: of leaving alone what is in the right domain already.
        pool_size: past fakes of each domain.
    """

    def __init__(
        self,
        *networks: nn.ModuleDict,
        cycle_weight: float,
        identity_weight: float,
        pool_size: int,
        **settings,
    ):
        super().__init__(*networks, **settings)
        self._cycle_weight, self._identity_weight = cycle_weight, identity_weight
        self._pool_size, self._pools = pool_size, {"x": [], "y": []}

    def d_objective(self, x, y, step):
        """Losses in both domains, with fakes of the past."""
        loss = torch.zeros([], dtype=x.dtype, device=x.device)
        for name, real, source in ("x", x, y), ("y", y, x):
            with torch.no_grad():
                fake = self._exchange(self._pools[name], self.generator[f"to_{name}"](source))
            loss = loss + self._d_loss(*map(self.discriminator[name], (real, fake)))
        return loss

    def g_objective(self, x, y, step):
        """Losses in both domains, cycles and identities."""
        to_x, to_y = self.generator["to_x"], self.generator["to_y"]
        fake_x, fake_y = to_x(y), to_y(x)
        cycle = F.l1_loss(to_x(fake_y), x) + F.l1_loss(to_y(fake_x), y)
        same = F.l1_loss(to_x(x), x) + F.l1_loss(to_y(y), y)
        loss = self._g_loss(None, self.discriminator["x"](fake_x))
        loss = loss + self._g_loss(None, self.discriminator["y"](fake_y))
        return loss + self._cycle_weight * cycle + self._identity_weight * same

    def _exchange(self, pool, new):
        """The authors' `ImagePool`."""
        shown = []
        for image in new:
            if len(pool) < self._pool_size:
                pool.append(image)
                shown.append(image)
            elif random.random() > 0.5:
                place = random.randrange(self._pool_size)
                shown.append(pool[place].clone())
                pool[place] = image
            else:
                shown.append(image)
        return torch.stack(shown)


def _square(logits, images):
    """The squared norm of the gradient of each logit with respect to its image."""
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().flatten(1).sum(1)
