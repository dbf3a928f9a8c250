"""Weights that others have trained: PyTorch state dicts, by name and shape, without their code.

Read are the files of DCGAN (PyTorch's examples), StyleGAN2 (stylegan2-ada-pytorch), BigGAN
(BigGAN-PyTorch), R3GAN, and CycleGAN and pix2pix (pytorch-CycleGAN-and-pix2pix); and what
`jaxgan-export` wrote as safetensors. Every tensor of a file has its place in a network of
`jaxgan.models`, or is known to be no weight; what is left over is refused by its name.

StyleGAN's network pickles are programs and never read. Whoever trusts one makes a state dict of it
where that code is installed: `torch.save(pickle.load(open("x.pkl", "rb"))["G_ema"].state_dict(),
"x.pth")`.
"""

from jaxgan.metrics.torch_file import WeightsError as WeightsError
from jaxgan.weights._convert import Converted, convert, load, read
from jaxgan.weights._fit import Fitted, fit

__all__ = ["Converted", "Fitted", "convert", "fit", "load", "read"]
