"""Reading files of weights, and finding out what they are of."""

import io
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.numpy

from jaxgan._checks import told
from jaxgan.metrics import torch_file
from jaxgan.metrics.torch_file import WeightsError, refuse_damage
from jaxgan.types import Variables
from jaxgan.weights._families import FAMILIES
from jaxgan.weights._fit import fit
from jaxgan.weights._tensors import Tensors

_PICKLE = b"\x80"
_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # of PyTorch's files before 1.6


class Converted(NamedTuple):
    """Weights in our order.

    Attributes:
        family: what they are of, such as `"BigGAN"`; `"jaxgan"` for our own.
        player: `"g"` or `"d"`.
        leaves: arrays by the paths of our leaves, such as `params.Conv_0.kernel`.
    """

    family: str
    player: str
    leaves: dict[str, np.ndarray]


def read(path: str | Path) -> dict[str, np.ndarray]:
    """Read the tensors of a file by name; nothing in it is executed.

    Args:
        path: a PyTorch state dict, a safetensors file, or a `.npz` that is not compressed.

    Returns:
        The tensors, as they are in the file.

    Raises:
        OSError: it cannot be read.
        TypeError: `path` is no path.
        WeightsError: it is none of these, damaged, or a pickle of more than tensors.

    Example:
        >>> from jaxgan import weights
        >>> tensors = weights.read("netG_epoch_24.pth")  # doctest: +SKIP
    """
    if not isinstance(path, str | Path):
        raise TypeError(f"path is {told(path)}; expected the path of a file")
    path = Path(path)
    content = path.read_bytes()
    try:
        if path.suffix == ".safetensors":
            with refuse_damage("safetensors file"):
                return _safe(content)
        if _is_npz(path, content):
            with refuse_damage(".npz file"):
                return _npz(content)
        if content.startswith(_PICKLE) and not content.startswith(_MAGIC):
            raise WeightsError(
                "it is a pickle, which may run any code when it is opened; where it is trusted and "
                "its code installed, make a state dict of it: "
                "torch.save(pickle.load(file)['G_ema'].state_dict(), 'x.pth')"
            )
        return torch_file.parse(content)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error


def convert(tensors: dict[str, np.ndarray]) -> Converted:
    """Put the tensors of a network of the authors where ours has them.

    Args:
        tensors: by the authors' names, as `read` returns them.

    Returns:
        The weights, and what they are of.

    Raises:
        TypeError: `tensors` is no dictionary.
        WeightsError: it is of no known network, a tensor is missing, or one has no place in ours.

    Example:
        >>> from jaxgan import weights
        >>> tensors = {f"model.{i}.{name}": np.zeros(shape)
        ...     for i, shape in ((0, (8, 3, 4, 4)), (2, (16, 8, 4, 4)), (5, (1, 16, 4, 4)))
        ...     for name, shape in (("weight", shape), ("bias", shape[:1]))}
        >>> found = weights.convert(tensors)
        >>> found.family, found.player, found.leaves["params.Conv_1.kernel"].shape
        ('PatchGAN', 'd', (4, 4, 8, 16))
    """
    if not isinstance(tensors, dict):
        raise TypeError(f"tensors is {told(tensors)}; expected arrays by their names")
    if tensors and all(name.startswith(("params.", "state.")) for name in tensors):
        return Converted("jaxgan", "g", dict(tensors))
    mine = Tensors(tensors)
    for family in FAMILIES:
        if family.is_it(mine):
            leaves = family.convert(mine)
            mine.check_empty(family.name)
            return Converted(family.name, family.player, leaves)
    known = ", ".join(dict.fromkeys(family.name for family in FAMILIES))
    raise WeightsError(
        f"tensors are of no network that is known ({', '.join([*tensors][:3])}, ...); expected the "
        f"state dict of one of {known}"
    )


def load(path: str | Path, like: Any, *, partial: bool = False) -> Variables:
    """Load a file of weights into a network.

    Args:
        path: as in `read`.
        like: the `Variables` of the network, whose shapes the weights have to have.
        partial: whether leaves that do not fit stay as they are in `like`, instead of being
            refused.

    Returns:
        The variables.

    Raises:
        OSError: the file cannot be read.
        TypeError: `path` is no path.
        WeightsError: the file cannot be used, or is of a network of other shapes.

    Example:
        >>> from jaxgan import weights
        >>> from jaxgan.models import dcgan
        >>> network = nets.from_linen(dcgan.Generator(image_size=64, channels=3))
        >>> like = Variables(*network.init(jax.random.key(0), jnp.ones((1, 100))))  # doctest: +SKIP
        >>> variables = weights.load("netG_epoch_24.pth", like)  # doctest: +SKIP
    """
    found = convert(read(path))
    fitted = fit(like, found.leaves)
    if fitted.misfits and not partial:
        raise WeightsError(f"{path}: {fitted.told()}")
    return fitted.tree


def _safe(content: bytes) -> dict[str, np.ndarray]:
    try:
        return safetensors.numpy.load(content)
    except safetensors.SafetensorError as error:
        raise WeightsError(f"no complete safetensors file ({error})") from error


def _npz(content: bytes) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(info.file_size for info in archive.infolist()) > len(content):
            raise WeightsError("its arrays are compressed, and may be of any size; use np.savez")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)


def _is_npz(path: Path, content: bytes) -> bool:
    if path.suffix == ".npz":
        return True
    if not content.startswith(b"PK"):
        return False
    with refuse_damage("PyTorch state dict"), zipfile.ZipFile(path) as archive:
        return all(name.endswith(".npy") for name in archive.namelist())
