"""pix2pix and CycleGAN in PyTorch: the authors' codes without CUDA, under their names."""

from itertools import pairwise

import torch
from torch import nn


class UNetBlock(nn.Module):
    """pix2pix's `UnetSkipConnectionBlock`, with instance normalization and without dropout."""

    def __init__(self, outer, inner, inputs=None, inside=None, *, outermost=False):
        super().__init__()
        down = nn.Conv2d(inputs or outer, inner, 4, 2, 1)
        up = nn.ConvTranspose2d(inner if inside is None else 2 * inner, outer, 4, 2, 1)
        norm, relu = nn.InstanceNorm2d, nn.ReLU(inplace=True)
        leaky = nn.LeakyReLU(0.2, inplace=True)
        if outermost:
            layers = [down, inside, relu, up, nn.Tanh()]
        elif inside is None:
            layers = [leaky, down, relu, up, norm(outer)]
        else:
            layers = [leaky, down, norm(inner), inside, relu, up, norm(outer)]
        self.outermost, self.model = outermost, nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)


class UNet(nn.Module):
    """pix2pix's `UnetGenerator`: images `[B, C', H, W]` to images `[B, C, H, W]`."""

    def __init__(self, inputs: int, outputs: int, width: int, stages: int):
        super().__init__()
        widths = [width * min(2**stage, 8) for stage in range(stages)]
        block = None
        for outer, inner in list(pairwise(widths))[::-1]:
            block = UNetBlock(outer, inner, inside=block)
        self.model = UNetBlock(outputs, width, inputs, block, outermost=True)

    def forward(self, y):
        return self.model(y)


class ResidualBlock(nn.Module):
    """CycleGAN's `ResnetBlock`."""

    def __init__(self, width: int):
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3),
            nn.InstanceNorm2d(width),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3),
            nn.InstanceNorm2d(width),
        )

    def forward(self, x):
        return x + self.conv_block(x)


class Translator(nn.Module):
    """CycleGAN's `ResnetGenerator`: images `[B, C', H, W]` to images `[B, C, H, W]`."""

    def __init__(self, inputs: int, outputs: int, width: int, blocks: int):
        super().__init__()
        layers = [nn.ReflectionPad2d(3), nn.Conv2d(inputs, width, 7), *_normalized(width)]
        for before in (width, 2 * width):
            layers += [nn.Conv2d(before, 2 * before, 3, 2, 1), *_normalized(2 * before)]
        layers += [ResidualBlock(4 * width) for _ in range(blocks)]
        for before in (4 * width, 2 * width):
            up = nn.ConvTranspose2d(before, before // 2, 3, 2, 1, output_padding=1)
            layers += [up, *_normalized(before // 2)]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, outputs, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x)


def _normalized(width):
    return nn.InstanceNorm2d(width), nn.ReLU(inplace=True)


class PatchDiscriminator(nn.Module):
    """pix2pix's `NLayerDiscriminator`: images `[B, C, H, W]` to logits `[B, h, w]`."""

    def __init__(self, inputs: int, width: int, layers: int):
        super().__init__()
        widths = [width * min(2**layer, 8) for layer in range(layers + 1)]
        parts = [nn.Conv2d(inputs, width, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
        for layer, (before, after) in enumerate(pairwise(widths), 1):
            parts += [
                nn.Conv2d(before, after, 4, 2 if layer < layers else 1, 1),
                nn.InstanceNorm2d(after),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        self.model = nn.Sequential(*parts, nn.Conv2d(widths[-1], 1, 4, 1, 1))

    def forward(self, x):
        return self.model(x).squeeze(1)
