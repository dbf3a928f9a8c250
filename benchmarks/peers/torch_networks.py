"""The networks of jaxgan.models in PyTorch, as a PyTorch user would write them: NCHW, nn.Module.

`leaves` puts tensors of a network under jaxgan's names and in its layouts, so that both sides can
be given the same weights and be compared weight by weight. Networks whose authors published them in
PyTorch have the authors' names (`torch_r3gan.py`, ...), which `jaxgan.weights` knows.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from jaxgan import weights


def leaves(network: nn.Module) -> dict[str, np.ndarray]:
    """The network's parameters under jaxgan's names and in its layouts."""
    tensors = {name: p.detach().cpu().numpy() for name, p in network.named_parameters()}
    return renamed(network, tensors)


def renamed(network: nn.Module, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Tensors with the names of the network's parameters, under jaxgan's names.

    Raises:
        ValueError: a tensor has no counterpart.
    """
    if isinstance(network, nn.ModuleDict):
        parts = {
            name: renamed(part, _within(tensors, f"{name}.")) for name, part in network.items()
        }
        return {
            f"{name}.{leaf}": array for name, part in parts.items() for leaf, array in part.items()
        }
    if not hasattr(network, "names"):
        buffers = {name: b.cpu().numpy() for name, b in network.named_buffers()}
        return _within(weights.convert(tensors | buffers).leaves, "params.")
    names = list(network.names())
    left = tensors.keys() - {theirs for theirs, _, _ in names}
    if left:
        raise ValueError(f"parameters without a counterpart: {sorted(left)}")
    return {ours: to_jax(tensors[theirs]) for theirs, ours, to_jax in names}


def _within(named, prefix):
    return {
        name.removeprefix(prefix): array for name, array in named.items() if name.startswith(prefix)
    }


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

    def names(self):
        """Of each parameter its name here, that of its counterpart in jaxgan, and how to get it."""
        yield "first.weight", "Dense_0.kernel", _dense_to_space(self.side, self.widths[0])
        yield from _norm_names(self.norms, "BatchNorm")
        for i, up in enumerate(self.ups):
            yield f"ups.{i}.weight", f"Upsample_{i}.ConvTranspose_0.kernel", _transposed
            if up.bias is not None:
                yield f"ups.{i}.bias", f"Upsample_{i}.ConvTranspose_0.bias", _same


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
        h = F.leaky_relu(self.downs[0](x), 0.2)
        for norm, down in zip(self.norms, self.downs[1:], strict=True):
            h = F.leaky_relu(norm(down(h)), 0.2)
        return self.last(h.flatten(1)).squeeze(1)

    def names(self):
        """Of each parameter its name here, that of its counterpart in jaxgan, and how to get it."""
        for i, down in enumerate(self.downs):
            yield f"downs.{i}.weight", f"Conv_{i}.kernel", _convolution
            if down.bias is not None:
                yield f"downs.{i}.bias", f"Conv_{i}.bias", _same
        yield from _norm_names(self.norms, "LayerNorm" if self.layer_norm else "BatchNorm")
        channels = self.downs[-1].out_channels
        yield "last.weight", "Dense_0.kernel", _space_to_dense(self.side, channels)
        yield "last.bias", "Dense_0.bias", _same


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
            h = torch.relu(h) if self.image else F.leaky_relu(h, 0.2)
        h = self.layers[-1](h)
        return torch.tanh(h).view(-1, *self.image) if self.image else h.squeeze(1)

    def names(self):
        """Of each parameter its name here, that of its counterpart in jaxgan, and how to get it."""
        for i in range(len(self.layers)):
            yield f"layers.{i}.weight", f"Dense_{i}.kernel", np.transpose
            yield f"layers.{i}.bias", f"Dense_{i}.bias", _same


class UpBlock(nn.Module):
    """The residual block of SNGAN's generator (arXiv:1802.05957, figure 8)."""

    def __init__(self, inputs: int, width: int):
        super().__init__()
        self.norms = nn.ModuleList([nn.BatchNorm2d(inputs), nn.BatchNorm2d(width)])
        self.convs = nn.ModuleList(
            [
                nn.Conv2d(inputs, width, 3, padding=1),
                nn.Conv2d(width, width, 3, padding=1),
                nn.Conv2d(inputs, width, 1),
            ]
        )

    def forward(self, x):
        h = self.convs[0](F.interpolate(torch.relu(self.norms[0](x)), scale_factor=2))
        h = self.convs[1](torch.relu(self.norms[1](h)))
        return h + self.convs[2](F.interpolate(x, scale_factor=2))


class ResNetGenerator(nn.Module):
    """`jaxgan.models.resnet.Generator`: z `[B, latent]` to images `[B, C, H, W]`."""

    def __init__(self, latent: int, side: int, widths: list[int], channels: int):
        super().__init__()
        self.first = nn.Linear(latent, side * side * widths[0])
        self.side, self.widths = side, widths
        self.blocks = nn.ModuleList(map(UpBlock, widths[:-1], widths[1:]))
        self.norm = nn.BatchNorm2d(widths[-1])
        self.last = nn.Conv2d(widths[-1], channels, 3, padding=1)

    def forward(self, z):
        h = self.first(z).view(-1, self.widths[0], self.side, self.side)
        for block in self.blocks:
            h = block(h)
        return torch.tanh(self.last(torch.relu(self.norm(h))))

    def names(self):
        """Of each parameter its name here, that of its counterpart in jaxgan, and how to get it."""
        to_jax = _dense_to_space(self.side, self.widths[0])
        yield "first.weight", "Dense_0.kernel", to_jax
        yield "first.bias", "Dense_0.bias", lambda bias: to_jax(bias[:, None])[0]
        for i, block in enumerate(self.blocks):
            yield from _norm_names(block.norms, "BatchNorm", f"blocks.{i}.", f"UpBlock_{i}.")
            yield from _conv_names(block.convs, f"blocks.{i}.", f"UpBlock_{i}.")
        yield "norm.weight", "BatchNorm_0.scale", _same
        yield "norm.bias", "BatchNorm_0.bias", _same
        yield "last.weight", "Conv_0.kernel", _convolution
        yield "last.bias", "Conv_0.bias", _same


class DownBlock(nn.Module):
    """The residual block of its discriminator."""

    def __init__(self, inputs: int, width: int, *, halve: bool, first: bool):
        super().__init__()
        hidden = width if first else inputs
        convs = [nn.Conv2d(inputs, hidden, 3, padding=1), nn.Conv2d(hidden, width, 3, padding=1)]
        if halve or inputs != width:
            convs.append(nn.Conv2d(inputs, width, 1))
        self.convs = nn.ModuleList(map(spectral_norm, convs))
        self.halve, self.first = halve, first

    def forward(self, x):
        h = self.convs[0](x if self.first else torch.relu(x))
        h = self.convs[1](torch.relu(h))
        if self.first:
            return F.avg_pool2d(h, 2) + self.convs[2](F.avg_pool2d(x, 2))
        shortcut = self.convs[2](x) if len(self.convs) > 2 else x
        return F.avg_pool2d(h + shortcut, 2) if self.halve else h + shortcut


class ResNetDiscriminator(nn.Module):
    """`jaxgan.models.resnet.Discriminator` with spectral norm: `[B, C, H, W]` to logits `[B]`."""

    def __init__(self, widths: list[int], channels: int, halvings: int):
        super().__init__()
        inputs = [channels, *widths[:-1]]
        self.blocks = nn.ModuleList(
            DownBlock(before, after, halve=i < halvings, first=i == 0)
            for i, (before, after) in enumerate(zip(inputs, widths, strict=True))
        )
        self.score = spectral_norm(nn.Linear(widths[-1], 1))

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.score(torch.relu(x).sum((2, 3))).squeeze(1)

    def names(self):
        """Of each parameter its name here, that of its counterpart in jaxgan, and how to get it."""
        for i, block in enumerate(self.blocks):
            ours = f"DownBlock_{i}."
            yield from _conv_names(
                block.convs, f"blocks.{i}.", ours, "parametrizations.weight.original"
            )
        yield "score.parametrizations.weight.original", "Projection_0.score.kernel", np.transpose
        yield "score.bias", "Projection_0.score.bias", _same

    @torch.no_grad()
    def set_vectors(self, vectors: dict[str, np.ndarray]) -> None:
        """Set the vectors of the power iteration to jaxgan's, by the names of its kernels."""
        names = {theirs: ours for theirs, ours, _ in self.names()}
        for name, parameter in self.named_parameters():
            if name.endswith("parametrizations.weight.original"):
                (norm,) = self.get_submodule(name.removesuffix(".original"))
                u = torch.from_numpy(np.array(vectors[names[name]])).to(parameter)
                norm._u.copy_(u)
                norm._v.copy_(F.normalize(parameter.flatten(1).T @ u, dim=0))


def _norm_names(norms, name, theirs="", ours=""):
    for i in range(len(norms)):
        yield f"{theirs}norms.{i}.weight", f"{ours}{name}_{i}.scale", _same
        yield f"{theirs}norms.{i}.bias", f"{ours}{name}_{i}.bias", _same


def _conv_names(convs, theirs, ours, weight="weight"):
    for i in range(len(convs)):
        yield f"{theirs}convs.{i}.{weight}", f"{ours}Conv_{i}.kernel", _convolution
        yield f"{theirs}convs.{i}.bias", f"{ours}Conv_{i}.bias", _same


def _same(a):
    return a


def _convolution(a):
    return a.transpose(2, 3, 1, 0)


def _transposed(a):
    return a.transpose(2, 3, 0, 1)[::-1, ::-1]


def _dense_to_space(side, channels):
    """A dense layer whose output becomes `[side, side, C]` there and `[C, side, side]` here."""
    return lambda a: (
        a.reshape(channels, side, side, -1).transpose(3, 1, 2, 0).reshape(a.shape[1], -1)
    )


def _space_to_dense(side, channels):
    """A dense layer whose input was `[side, side, C]` there and `[C, side, side]` here."""
    return lambda a: a.reshape(-1, channels, side, side).transpose(2, 3, 1, 0).reshape(-1, len(a))
