"""StyleGAN2 in PyTorch: the authors' codes without CUDA extensions, under their names."""

import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F


class Equalized(nn.Module):
    """StyleGAN2's `FullyConnectedLayer`: a dense layer with an equalized learning rate."""

    def __init__(self, inputs: int, outputs: int, *, bias: float = 0.0, lr_multiplier: float = 1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr_multiplier)
        self.bias = nn.Parameter(torch.full([outputs], bias))
        self.gain, self.lr_multiplier = lr_multiplier / math.sqrt(inputs), lr_multiplier

    def forward(self, x):
        return F.linear(x, self.weight * self.gain, self.bias * self.lr_multiplier)


def activate(x):
    """StyleGAN2's activation."""
    return F.leaky_relu(x, 0.2) * math.sqrt(2)


def filtered(x, taps, padding, **settings):
    """`upfirdn2d` for one filter: every channel by itself."""
    kernel = torch.outer(taps, taps).expand(x.shape[1], 1, -1, -1)
    return F.conv2d(F.pad(x, padding), kernel, groups=x.shape[1], **settings)


def upsampled(x, taps):
    """`upfirdn2d.upsample2d`."""
    kernel = torch.outer(2 * taps, 2 * taps).expand(x.shape[1], 1, -1, -1)
    return F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=x.shape[1])


class Mapping(nn.Module):
    """StyleGAN2's mapping network."""

    def __init__(self, latent: int, features: int, layers: int):
        super().__init__()
        self.register_buffer("w_avg", torch.zeros(features))
        for i in range(layers):
            inputs = features if i else latent
            self.add_module(f"fc{i}", Equalized(inputs, features, lr_multiplier=0.01))

    def forward(self, z):
        w = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        for layer in self.children():
            w = activate(layer(w))
        with torch.no_grad():
            self.w_avg.lerp_(w.mean(0), 0.005)
        return w


class Modulated(nn.Module):
    """A modulated convolution in its form for training, which scales activations."""

    def __init__(self, inputs: int, outputs: int, size: int, w_dim: int, *, is_rgb: bool = False):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.affine = Equalized(w_dim, inputs, bias=1.0)
        self.gain, self.demodulate = 1 / math.sqrt(inputs * size**2), not is_rgb

    def modulated(self, x, w, taps=None):
        """Map `[B, C, H, W]`, to twice the size with a filter."""
        styles, weight = self.affine(w), self.weight * self.gain
        x = x * styles[:, :, None, None]
        if taps is None:
            y = F.conv2d(x, weight, padding=self.weight.shape[-1] // 2)
        else:
            y = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            y = filtered(y, 2 * taps, (1, 1, 1, 1))
        if not self.demodulate:
            return y + self.bias.view(1, -1, 1, 1)
        scale = (styles.square() @ weight.square().sum((2, 3)).T + 1e-8).rsqrt()
        return y * scale[:, :, None, None]


class StyledConv(Modulated):
    """StyleGAN2's `SynthesisLayer`."""

    def __init__(self, inputs: int, outputs: int, w_dim: int):
        super().__init__(inputs, outputs, 3, w_dim)
        self.noise_strength = nn.Parameter(torch.zeros([]))

    def forward(self, x, w, taps=None):
        y = self.modulated(x, w, taps)
        noise = torch.randn(len(y), 1, *y.shape[2:], device=y.device)
        return activate(y + noise * self.noise_strength + self.bias.view(1, -1, 1, 1))


class SynthesisBlock(nn.Module):
    """The layers of one resolution."""

    def __init__(self, inputs: int, outputs: int, w_dim: int, channels: int):
        super().__init__()
        if inputs:
            self.conv0 = StyledConv(inputs, outputs, w_dim)
        self.conv1 = StyledConv(outputs, outputs, w_dim)
        self.torgb = Modulated(outputs, channels, 1, w_dim, is_rgb=True)


class Synthesis(nn.Module):
    """StyleGAN2's synthesis network with output skips: styles `[B, layers, W]` to images."""

    def __init__(self, widths: list[int], w_dim: int, channels: int):
        super().__init__()
        for i, (inputs, outputs) in enumerate(zip([0, *widths[:-1]], widths, strict=True)):
            self.add_module(f"b{4 * 2**i}", SynthesisBlock(inputs, outputs, w_dim, channels))
        self.layers = 2 * len(widths)
        self.b4.const = nn.Parameter(torch.randn(widths[0], 4, 4))
        self.register_buffer("resample_filter", torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8)

    def forward(self, styles):
        image, h = None, self.b4.const.expand(len(styles), -1, -1, -1)
        for k, block in enumerate(self.children()):
            if image is not None:
                h = block.conv0(h, styles[:, 2 * k - 1], self.resample_filter)
            h = block.conv1(h, styles[:, 2 * k])
            part = block.torgb.modulated(h, styles[:, 2 * k + 1])
            image = part if image is None else upsampled(image, self.resample_filter) + part
        return image


class StyleGAN2Generator(nn.Module):
    """z `[B, latent]` to images `[B, C, H, W]`; `widths` from low to high resolution."""

    def __init__(self, latent: int, w_dim: int, widths: list[int], channels: int):
        super().__init__()
        self.mapping = Mapping(latent, w_dim, 8)
        self.synthesis = Synthesis(widths, w_dim, channels)

    def forward(self, z):
        return self.synthesis(self.styles(z))

    def styles(self, z):
        """Return the style of each layer, which is the same in all, `[B, layers, W]`."""
        return self.mapping(z)[:, None].repeat(1, self.synthesis.layers, 1)


class EqualizedConv(nn.Module):
    """StyleGAN2's `Conv2dLayer`."""

    def __init__(self, inputs: int, outputs: int, size: int, *, bias: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.gain = 1 / math.sqrt(inputs * size**2)

    def forward(self, x, **settings):
        padding = settings.pop("padding", self.weight.shape[-1] // 2)
        return F.conv2d(x, self.weight * self.gain, self.bias, padding=padding, **settings)


class DownBlock(nn.Module):
    """StyleGAN2's residual `DiscriminatorBlock`."""

    def __init__(self, inputs: int, outputs: int, channels: int | None):
        super().__init__()
        if channels is not None:
            self.fromrgb = EqualizedConv(channels, inputs, 1)
        self.skip = EqualizedConv(inputs, outputs, 1, bias=False)
        self.conv0 = EqualizedConv(inputs, inputs, 3)
        self.conv1 = EqualizedConv(inputs, outputs, 3)

    def forward(self, x, taps):
        if hasattr(self, "fromrgb"):
            x = activate(self.fromrgb(x))
        skip = self.skip(filtered(x, taps, (1, 1, 1, 1), stride=2))
        h = filtered(activate(self.conv0(x)), taps, (2, 2, 2, 2))
        return (activate(self.conv1(h, stride=2, padding=0)) + skip) / math.sqrt(2)


class Epilogue(nn.Module):
    """StyleGAN2's `DiscriminatorEpilogue`."""

    def __init__(self, width: int):
        super().__init__()
        self.conv = EqualizedConv(width + 1, width, 3)
        self.fc = Equalized(16 * width, width)
        self.out = Equalized(width, 1)

    def forward(self, x):
        # Groups of consecutive examples, where theirs take every (B / 4)-th.
        deviation = (x.view(-1, 4, *x.shape[1:]).var(1, unbiased=False) + 1e-8).sqrt()
        mean = deviation.mean((1, 2, 3)).repeat_interleave(4)
        plane = mean[:, None, None, None].expand(-1, 1, *x.shape[2:])
        h = activate(self.conv(torch.cat([x, plane], 1)))
        return self.out(activate(self.fc(h.flatten(1)))).squeeze(1)


class StyleGAN2Discriminator(nn.Module):
    """Images `[B, C, H, W]` to logits `[B]`; `widths` from low to high resolution."""

    def __init__(self, widths: list[int], channels: int):
        super().__init__()
        stages = list(enumerate(pairwise(widths)))[::-1]
        for i, (outputs, inputs) in stages:
            first = channels if i == len(stages) - 1 else None
            self.add_module(f"b{8 * 2**i}", DownBlock(inputs, outputs, first))
        self.b4 = Epilogue(widths[0])
        self.register_buffer("resample_filter", torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8)

    def forward(self, x):
        *blocks, last = self.children()
        for block in blocks:
            x = block(x, self.resample_filter)
        return last(x)
