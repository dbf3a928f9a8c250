"""R3GAN in PyTorch: the authors' codes without CUDA extensions, under their names."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class Bias(nn.Module):
    """R3GAN's `BiasedActivation`."""

    def __init__(self, channels: int):
        super().__init__()
        self.Bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        return F.leaky_relu(x + self.Bias.view(1, -1, 1, 1), 0.2)


class Convolution(nn.Module):
    """R3GAN's `Convolution`: without bias, its weights from N(0, gain^2 / fan_in)."""

    def __init__(self, inputs: int, outputs: int, size: int = 1, groups: int = 1, gain: float = 1):
        super().__init__()
        self.Layer = nn.Conv2d(inputs, outputs, size, padding=size // 2, groups=groups, bias=False)
        nn.init.normal_(self.Layer.weight, 0, gain / math.sqrt(inputs // groups * size**2))

    def forward(self, x):
        return self.Layer(x)


class R3GANBlock(nn.Module):
    """The residual block of arXiv:2501.05441, section 3.3."""

    def __init__(self, width: int, group_size: int):
        super().__init__()
        self.LinearLayer1 = Convolution(width, 2 * width)
        self.NonLinearity1 = Bias(2 * width)
        self.LinearLayer2 = Convolution(2 * width, 2 * width, 3, 2 * width // group_size)
        self.NonLinearity2 = Bias(2 * width)
        # Theirs starts from zeros, where the two before would have no gradient to compare.
        self.LinearLayer3 = Convolution(2 * width, width, gain=0.1)

    def forward(self, x):
        h = self.NonLinearity1(self.LinearLayer1(x))
        return x + self.LinearLayer3(self.NonLinearity2(self.LinearLayer2(h)))


class Resampler(nn.Module):
    """The filter (1, 3, 3, 1) in both directions, channel by channel."""

    def __init__(self, gain: float):
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
        self.register_buffer("Kernel", gain * torch.outer(taps, taps) / 64)


class Upsampler(nn.Module):
    """R3GAN's `UpsampleLayer`."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.Resampler = Resampler(4)
        if inputs != outputs:
            self.LinearLayer = Convolution(inputs, outputs)

    def forward(self, x):
        x = self.LinearLayer(x) if hasattr(self, "LinearLayer") else x
        alone = x.flatten(0, 1)[:, None]
        y = F.conv_transpose2d(alone, self.Resampler.Kernel[None, None], stride=2, padding=1)
        return y.view(*x.shape[:2], *y.shape[2:])


class Downsampler(nn.Module):
    """R3GAN's `DownsampleLayer`."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.Resampler = Resampler(1)
        if inputs != outputs:
            self.LinearLayer = Convolution(inputs, outputs)

    def forward(self, x):
        alone = x.flatten(0, 1)[:, None]
        y = F.conv2d(alone, self.Resampler.Kernel[None, None], stride=2, padding=1)
        y = y.view(*x.shape[:2], *y.shape[2:])
        return self.LinearLayer(y) if hasattr(self, "LinearLayer") else y


class Basis(nn.Module):
    """R3GAN's `GenerativeBasis`."""

    def __init__(self, latent: int, width: int, side: int):
        super().__init__()
        self.Basis = nn.Parameter(torch.randn(width, side, side))
        self.LinearLayer = nn.Linear(latent, width, bias=False)

    def forward(self, z):
        return self.Basis * self.LinearLayer(z)[:, :, None, None]


class Head(nn.Module):
    """R3GAN's `DiscriminativeBasis`."""

    def __init__(self, width: int, side: int):
        super().__init__()
        self.Basis = nn.Conv2d(width, width, side, groups=width, bias=False)
        self.LinearLayer = nn.Linear(width, 1, bias=False)

    def forward(self, x):
        return self.LinearLayer(self.Basis(x).flatten(1))


class Stage(nn.Module):
    """The layers of one resolution."""

    def __init__(self, layers: list[nn.Module]):
        super().__init__()
        self.Layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.Layers(x)


class R3GANGenerator(nn.Module):
    """z `[B, latent]` to images `[B, C, H, W]`; `widths` from low to high resolution."""

    def __init__(self, latent, side, widths, channels, blocks, group_size=16):
        super().__init__()
        first = [Basis(latent, widths[0], side), *map(Upsampler, widths[:-1], widths[1:])]
        self.MainLayers = nn.Sequential(
            *(
                Stage([transition, *(R3GANBlock(width, group_size) for _ in range(blocks))])
                for transition, width in zip(first, widths, strict=True)
            )
        )
        self.AggregationLayer = Convolution(widths[-1], channels)

    def forward(self, z):
        return self.AggregationLayer(self.MainLayers(z))


class R3GANDiscriminator(nn.Module):
    """Images `[B, C, H, W]` to logits `[B]`; `widths` from low to high resolution."""

    def __init__(self, side, widths, channels, blocks, group_size=16):
        super().__init__()
        widths = widths[::-1]
        self.ExtractionLayer = Convolution(channels, widths[0])
        last = [*map(Downsampler, widths[:-1], widths[1:]), Head(widths[-1], side)]
        self.MainLayers = nn.Sequential(
            *(
                Stage([*(R3GANBlock(width, group_size) for _ in range(blocks)), transition])
                for transition, width in zip(last, widths, strict=True)
            )
        )

    def forward(self, x):
        return self.MainLayers(self.ExtractionLayer(x)).squeeze(1)
