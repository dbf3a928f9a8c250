"""The authors' networks whose tensors no file at hand has, by PyTorch's definitions, in NumPy.

Arrays are `[B, C, H, W]`, and every function is as slow as its definition.
"""

import itertools

import numpy as np


def conv(x, kernel, stride=1, padding=0, groups=1):
    """`torch.nn.functional.conv2d` with a kernel `[O, I / groups, h, w]`."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    window = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[2:], axis=(2, 3))
    window = window[:, :, ::stride, ::stride]
    parts = zip(np.split(window, groups, axis=1), np.split(kernel, groups), strict=True)
    return np.concatenate([np.einsum("bihwkl,oikl->bohw", a, b) for a, b in parts], axis=1)


def conv_transpose(x, kernel, stride=1, padding=0):
    """`conv_transpose2d` with a kernel `[I, O, h, w]`: every pixel paints a window."""
    (batch, _, height, width), (_, features, h, w) = x.shape, kernel.shape
    y = np.zeros((batch, features, (height - 1) * stride + h, (width - 1) * stride + w))
    for i, j in itertools.product(range(height), range(width)):
        window = np.einsum("bi,iokl->bokl", x[:, :, i, j], kernel)
        y[:, :, i * stride : i * stride + h, j * stride : j * stride + w] += window
    return y[:, :, padding : y.shape[2] - padding, padding : y.shape[3] - padding]


def leaky(x):
    return np.where(x > 0, x, 0.2 * x)


def column(vector):
    return vector[None, :, None, None]


class Drawn(dict):
    """A state dict whose tensors are drawn when they are asked for first."""

    def __init__(self, seed=0):
        super().__init__()
        self._random = np.random.default_rng(seed)

    def tensor(self, name, *shape, positive=False):
        if name not in self:
            fan = np.prod(shape[1:]) if len(shape) > 1 else 10
            value = self._random.normal(size=shape) / np.sqrt(fan)
            self[name] = (abs(value) + 0.5 if positive else value).astype(np.float32)
        return self[name].astype(np.float64)

    def norm(self, name, x):
        """Batch normalization with running statistics."""
        size = x.shape[1]
        self[f"{name}.num_batches_tracked"] = np.array(7)
        mean, var = (
            self.tensor(f"{name}.running_mean", size),
            self.tensor(f"{name}.running_var", size, positive=True),
        )
        x = (x - column(mean)) / np.sqrt(column(var) + 1e-5)
        weight, bias = self.tensor(f"{name}.weight", size), self.tensor(f"{name}.bias", size)
        return x * column(weight) + column(bias)


def dcgan_generator(t, z, width=2, channels=3):
    """The one of PyTorch's examples: 64 pixels."""
    x, sizes = z[:, :, None, None], [z.shape[1], 8 * width, 4 * width, 2 * width, width, channels]
    for i, (a, b) in enumerate(itertools.pairwise(sizes)):
        kernel = t.tensor(f"main.{3 * i}.weight", a, b, 4, 4)
        x = conv_transpose(x, kernel, 1, 0) if i == 0 else conv_transpose(x, kernel, 2, 1)
        if i < 4:
            x = np.maximum(t.norm(f"main.{3 * i + 1}", x), 0)
    return np.tanh(x)


def dcgan_discriminator(t, x, width=2):
    """Its opponent, without the final sigmoid."""
    x = leaky(conv(x, t.tensor("main.0.weight", width, x.shape[1], 4, 4), 2, 1))
    for i, number in enumerate((2, 5, 8)):
        kernel = t.tensor(f"main.{number}.weight", width * 2 ** (i + 1), width * 2**i, 4, 4)
        x = leaky(t.norm(f"main.{number + 1}", conv(x, kernel, 2, 1)))
    return conv(x, t.tensor("main.11.weight", 1, 8 * width, 4, 4)).ravel()


LOWPASS = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64


def _block(t, name, x, group_size=8):
    width = x.shape[1]
    groups = 2 * width // group_size
    y = conv(x, t.tensor(f"{name}.LinearLayer1.Layer.weight", 2 * width, width, 1, 1))
    y = leaky(y + column(t.tensor(f"{name}.NonLinearity1.Bias", 2 * width)))
    kernel = t.tensor(f"{name}.LinearLayer2.Layer.weight", 2 * width, 2 * width // groups, 3, 3)
    y = conv(y, kernel, padding=1, groups=groups)
    y = leaky(y + column(t.tensor(f"{name}.NonLinearity2.Bias", 2 * width)))
    return x + conv(y, t.tensor(f"{name}.LinearLayer3.Layer.weight", width, 2 * width, 1, 1))


def _alone(function, x, *settings):
    """Apply an operation on single channels."""
    batch, channels, *space = x.shape
    y = function(x.reshape(batch * channels, 1, *space), *settings)
    return y.reshape(batch, channels, *y.shape[2:])


def r3gan_generator(t, z, y, widths=(8, 8, 4), classes=3, prefix="Model."):
    if y is not None:
        table = t.tensor(f"{prefix}EmbeddingLayer.weight", 5, classes)
        z = np.concatenate([z, np.eye(classes)[y] @ table.T], axis=1)
    for stage, width in enumerate(widths):
        name = f"{prefix}MainLayers.{stage}.Layers"
        if stage == 0:
            basis = t.tensor(f"{name}.0.Basis", width, 4, 4)
            x = z @ t.tensor(f"{name}.0.LinearLayer.weight", width, z.shape[1]).T
            x = basis * x[:, :, None, None]
        else:
            if x.shape[1] != width:
                x = conv(x, t.tensor(f"{name}.0.LinearLayer.Layer.weight", width, x.shape[1], 1, 1))
            t[f"{name}.0.Resampler.Kernel"] = LOWPASS.astype(np.float32)
            x = _alone(conv_transpose, x, 4 * LOWPASS[None, None], 2, 1)
        for i in (1, 2):
            x = _block(t, f"{name}.{i}", x)
    return conv(x, t.tensor(f"{prefix}AggregationLayer.Layer.weight", 3, widths[-1], 1, 1))


def r3gan_discriminator(t, x, y, widths=(4, 8, 8), classes=3, prefix="Model."):
    """Its widths are from fine to coarse."""
    x = conv(x, t.tensor(f"{prefix}ExtractionLayer.Layer.weight", widths[0], 3, 1, 1))
    for stage, width in enumerate(widths):
        name = f"{prefix}MainLayers.{stage}.Layers"
        for i in (0, 1):
            x = _block(t, f"{name}.{i}", x)
        if stage + 1 < len(widths):
            t[f"{name}.2.Resampler.Kernel"] = LOWPASS.astype(np.float32)
            x = _alone(conv, x, LOWPASS[None, None], 2, 1)
            coarser = widths[stage + 1]
            if coarser != width:
                x = conv(x, t.tensor(f"{name}.2.LinearLayer.Layer.weight", coarser, width, 1, 1))
    x = conv(x, t.tensor(f"{name}.2.Basis.weight", width, 1, 4, 4), groups=width)[:, :, 0, 0]
    features = 1 if y is None else width
    x = x @ t.tensor(f"{name}.2.LinearLayer.weight", features, width).T
    if y is None:
        return x[:, 0]
    table = t.tensor(f"{prefix}EmbeddingLayer.weight", width, classes)
    return np.sum(x * (np.eye(classes)[y] @ table.T), axis=1)
