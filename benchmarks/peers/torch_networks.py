"""The networks of jaxgan.models in PyTorch, as a PyTorch user would write them: NCHW, nn.Module.

`load` copies jaxgan's parameters into them, `dump` copies them back, so that both sides can be
compared weight by weight.
"""

import math

import numpy as np
import torch
from torch import nn


class DCGANGenerator(nn.Module):
    """`jaxgan.models.dcgan.Generator`: z `[B, latent]` to images `[B, C, H, W]`."""

    def __init__(self, latent: int, side: int, widths: list[int], channels: int):
        super().__init__()
        self.first = nn.Linear(latent, side * side * widths[0], bias=False)
        self.side, self.widths = side, widths
        outputs = [*widths[1:], channels]
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(before, after, 4, 2, 1, bias=i == len(widths) - 1)
            for i, (before, after) in enumerate(zip(widths, outputs, strict=True))
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths)

    def forward(self, z):
        h = self.first(z).view(-1, self.widths[0], self.side, self.side)
        for norm, up in zip(self.norms, self.ups, strict=True):
            h = up(torch.relu(norm(h)))
        return torch.tanh(h)

    def pairs(self):
        """Each parameter with the name and the layout of its counterpart in jaxgan."""
        yield self.first.weight, "Dense_0.kernel", _dense_to_space(self.side, self.widths[0])
        yield from _norm_pairs(self.norms, "BatchNorm")
        for i, up in enumerate(self.ups):
            name = f"Upsample_{i}.ConvTranspose_0"
            yield up.weight, f"{name}.kernel", _TRANSPOSED
            if up.bias is not None:
                yield up.bias, f"{name}.bias", _SAME


class DCGANDiscriminator(nn.Module):
    """`jaxgan.models.dcgan.Discriminator`: images `[B, C, H, W]` to logits `[B]`."""

    def __init__(self, side: int, widths: list[int], channels: int, normalization: str):
        super().__init__()
        inputs = [channels, *widths[:-1]]
        self.layer_norm = normalization == "layer"
        self.downs = nn.ModuleList(
            nn.Conv2d(before, after, 4, 2, 1, bias=i == 0 or self.layer_norm)
            for i, (before, after) in enumerate(zip(inputs, widths, strict=True))
        )
        self.norms = nn.ModuleList(
            # One group is layer normalization over channels and space, with a scale per channel.
            nn.GroupNorm(1, width, eps=1e-6) if self.layer_norm else nn.BatchNorm2d(width)
            for width in widths[1:]
        )
        self.last = nn.Linear(side * side * widths[-1], 1)
        self.side = side

    def forward(self, x):
        h = nn.functional.leaky_relu(self.downs[0](x), 0.2)
        for norm, down in zip(self.norms, self.downs[1:], strict=True):
            h = nn.functional.leaky_relu(norm(down(h)), 0.2)
        return self.last(h.flatten(1)).squeeze(1)

    def pairs(self):
        """Each parameter with the name and the layout of its counterpart in jaxgan."""
        for i, down in enumerate(self.downs):
            yield down.weight, f"Conv_{i}.kernel", _CONVOLUTION
            if down.bias is not None:
                yield down.bias, f"Conv_{i}.bias", _SAME
        yield from _norm_pairs(self.norms, "LayerNorm" if self.layer_norm else "BatchNorm")
        channels = self.downs[-1].out_channels
        yield self.last.weight, "Dense_0.kernel", _space_to_dense(self.side, channels)
        yield self.last.bias, "Dense_0.bias", _SAME


class Dense(nn.Module):
    """`jaxgan.models.mlp`: dense layers; a generator ends in tanh and an image, D in one logit."""

    def __init__(self, inputs: int, widths: list[int], image: tuple[int, ...] | None):
        super().__init__()
        sizes = [inputs, *widths, math.prod(image) if image else 1]
        self.layers = nn.ModuleList(map(nn.Linear, sizes[:-1], sizes[1:]))
        self.image = image

    def forward(self, x):
        h = x.flatten(1)
        for layer in self.layers[:-1]:
            h = layer(h)
            h = torch.relu(h) if self.image else nn.functional.leaky_relu(h, 0.2)
        h = self.layers[-1](h)
        return torch.tanh(h).view(-1, *self.image) if self.image else h.squeeze(1)

    def pairs(self):
        """Each parameter with the name and the layout of its counterpart in jaxgan."""
        for i, layer in enumerate(self.layers):
            yield layer.weight, f"Dense_{i}.kernel", _DENSE
            yield layer.bias, f"Dense_{i}.bias", _SAME


def load(network: nn.Module, params: dict[str, np.ndarray]) -> None:
    """Copy jaxgan's parameters, named `Conv_0.kernel` and so on, into the network."""
    seen = set()
    with torch.no_grad():
        for parameter, name, (to_torch, _) in network.pairs():
            parameter.copy_(torch.from_numpy(to_torch(params[name]).copy()))
            seen.add(name)
    left = params.keys() - seen
    if left or len(seen) != len(list(network.parameters())):
        raise ValueError(f"parameters without a counterpart: {sorted(left)}")


def dump(network: nn.Module) -> dict[str, np.ndarray]:
    """The network's parameters under jaxgan's names and in its layouts."""
    return {
        name: to_jax(parameter.detach().cpu().numpy())
        for parameter, name, (_, to_jax) in network.pairs()
    }


def _norm_pairs(norms, name):
    for i, norm in enumerate(norms):
        yield norm.weight, f"{name}_{i}.scale", _SAME
        yield norm.bias, f"{name}_{i}.bias", _SAME


# (jaxgan's layout to PyTorch's, and back)
_SAME = (lambda a: a, lambda a: a)
_DENSE = (np.transpose, np.transpose)
_CONVOLUTION = (lambda a: a.transpose(3, 2, 0, 1), lambda a: a.transpose(2, 3, 1, 0))
_TRANSPOSED = (
    lambda a: a[::-1, ::-1].transpose(2, 3, 0, 1),
    lambda a: a.transpose(2, 3, 0, 1)[::-1, ::-1],
)


def _dense_to_space(side, channels):
    """A dense layer whose output becomes `[side, side, C]` there and `[C, side, side]` here."""
    return (
        lambda a: a.reshape(-1, side, side, channels).transpose(3, 1, 2, 0).reshape(-1, len(a)),
        lambda a: a.reshape(channels, side, side, -1).transpose(3, 1, 2, 0).reshape(a.shape[1], -1),
    )


def _space_to_dense(side, channels):
    """A dense layer whose input was `[side, side, C]` there and `[C, side, side]` here."""
    return (
        lambda a: a.reshape(side, side, channels, -1).transpose(3, 2, 0, 1).reshape(a.shape[1], -1),
        lambda a: a.reshape(-1, channels, side, side).transpose(2, 3, 1, 0).reshape(-1, len(a)),
    )
