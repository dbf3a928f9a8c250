"""Two sets of pictures from anywhere: folders, archives, arrays and data sets by their names."""

import io
import re
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan import data
from jaxgan.data.memory import check_images
from jaxgan.metrics import FeatureNetwork, Moments, _npz, frechet_distance, moments
from jaxgan.metrics.inception import WeightsError
from jaxgan.runs.files import write_whole
from jaxgan.runs.measures.distribution import Comparison
from jaxgan.runs.measures.features import features_of, network_for
from jaxgan.runs.measures.row import Row
from jaxgan.runs.settings import METRICS, ConfigError

_ARRAYS = "samples", "arr_0"
_INCEPTION_SIDE = 299


class Statistics(NamedTuple):
    """Mean and covariance of a set, which a file has instead of the pictures.

    Attributes:
        name: the file.
        moments: of the features.
        network: the name of the network that they are of; "" if the file does not say.
    """

    name: str
    moments: Moments
    network: str


def load(flag: str, value: str, *, image_size: int = 0, cache_dir: str = "") -> Any:
    """Load one side of a comparison.

    Args:
        flag: the flag that names it, for messages.
        value: a directory or an archive of pictures, an .npz file of uint8 pictures
            `[N, H, W, C]` called `samples` or `arr_0`, or of statistics `mu` and `sigma`, or the
            name of a data set.
        image_size: the side to resize and crop pictures of a folder or data set to; 0 for none.
        cache_dir: directory of decoded data; "" for the user's.

    Returns:
        The data set, or its `Statistics`.

    Raises:
        DataError: it cannot be loaded, or has no pictures.
    """
    path = Path(value).expanduser()
    if path.suffix == ".npz":
        try:
            with path.open("rb") as file:
                return _arrays(flag, value, file)
        except (OSError, WeightsError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise data.DataError(f"--{flag}={value}: {reason}; expected an .npz file") from error
    name = f"folder:{value}" if path.exists() or path.suffix == ".zip" else value
    try:
        found = data.load(name, image_size=image_size or None, cache_dir=cache_dir or None)
    except data.DataError as error:
        text = re.sub(r"(?<![\w-])name=", f"--{flag}=", str(error))
        prefix = "" if text.startswith(f"--{flag}=") else f"--{flag}={value}: "
        raise data.DataError(prefix + text) from error
    if found.x.ndim != 4:
        raise data.DataError(f"--{flag}={value}: {name} has no pictures; choose another data set")
    return found


def _arrays(flag: str, value: str, file) -> Any:
    headers = _npz.headers(file)
    file.seek(0)
    if {"mu", "sigma"} <= headers.keys():
        return _statistics(flag, value, file, headers)
    name = next((one for one in _ARRAYS if one in headers), "")
    if not name:
        raise data.DataError(
            f"--{flag}={value}: it has {', '.join(headers) or 'nothing'}; expected pictures called "
            f"samples or arr_0, or statistics called mu and sigma"
        )
    shape, dtype = headers[name]
    if len(shape) != 4 or 0 in shape or shape[-1] not in {1, 3} or dtype != np.uint8:
        raise data.DataError(
            f"--{flag}={value}: {name} is {dtype} {shape}; expected uint8 [N, H, W, 1 or 3]"
        )
    check_images(shape)
    return data.Dataset(_npz.read(file, {name: shape})[name], None, Path(value).name)


def _statistics(flag: str, value: str, file, headers: dict) -> Statistics:
    (width, *more), (square, _) = headers["mu"][0] or (0,), headers["sigma"]
    kinds = {headers[name][1].kind for name in ("mu", "sigma")}
    if more or square != (width, width) or not width or kinds != {"f"}:
        raise data.DataError(
            f"--{flag}={value}: mu is {headers['mu'][0]} and sigma {square}; "
            f"expected floats [width] and [width, width]"
        )
    shapes = {"mu": (width,), "sigma": (width, width), "number": (), "features": ()}
    found = _npz.read(file, shapes)
    # Files of other tools do not say how many pictures there were: enough for the covariance, then.
    number = int(found["number"]) if "number" in found else width + 1
    scatter = found["sigma"].astype(np.float64) * (number - 1)
    of = Moments(number, found["mu"].astype(np.float64), scatter)
    return Statistics(Path(value).name, of, str(found.get("features", "")))


def compare(
    real: Any,
    fake: Any,
    *,
    features: str = "auto",
    weights: str = "",
    save_statistics: str = "",
    cache_dir: str = "",
) -> dict[str, Any]:
    """Compare two sets of pictures, and keep the statistics of the real ones if asked to.

    Args:
        real: the real pictures, or their `Statistics`.
        fake: the others; None to keep statistics only.
        features: one of `FEATURES`.
        weights: weights file of the FID Inception network, or "".
        save_statistics: file to write: .npz; "" for none.
        cache_dir: folder in which the floor is kept for the next time; "" for the user's.

    Returns:
        What is known: `rows`, `left_out`, `remarks` and what was compared.

    Raises:
        ConfigError: they cannot be compared in these features.
        MetricError: features are not finite.
        WeightsError: the weights file cannot be read, or holds other weights.
    """
    if isinstance(fake, Statistics):
        raise ConfigError(
            f"--fake={fake.name}: it has statistics, and --real takes these; swap them"
        )
    if isinstance(real, Statistics):
        if save_statistics:
            raise ConfigError(
                f"--save_statistics={save_statistics}: --real={real.name} has statistics already; "
                f"give pictures"
            )
        return _to_statistics(real, fake, features, weights)
    remarks = []
    if fake is not None:
        real, fake, remarks = _alike(real, fake)
    network = network_for(features, weights, real)
    if fake is not None and real.x.shape[1:3] != fake.x.shape[1:3]:
        network, remark = _resizing(network, real, fake)
        remarks.append(remark)
    found: dict[str, Any] = {"features": network.name, "real": _told(real), "remarks": remarks}
    count = len(real.x) if fake is None else len(fake.x)
    comparison = Comparison(network, real, count, whole=True, cache_dir=cache_dir)
    if fake is not None:
        found |= {
            "fake": _told(fake),
            "rows": comparison.rows(np.asarray(fake.x), METRICS),
            "left_out": comparison.left_out(METRICS),
        }
    if save_statistics:
        _save(Path(save_statistics), network, comparison.reference.moments)
    return found


def _to_statistics(
    real: Statistics, fake: data.Dataset, features: str, weights: str
) -> dict[str, Any]:
    """Measure the Fréchet distance to statistics, for which pictures are not needed."""
    if features == "auto" and real.network:
        features = real.network
    network = network_for(features, weights, fake)
    width = len(real.moments.mean)
    if (real.network or network.name) != network.name or width != network.width:
        of = real.network or f"a network of {width} features"
        raise ConfigError(
            f"--real={real.name}: the statistics are those of {of}, and these pictures are "
            f"compared in the {network.width} features of {network.name}; give --features"
        )
    found: dict[str, Any] = {
        "features": network.name,
        "real": f"{real.moments.number} pictures, of which {real.name} has the statistics",
        "fake": _told(fake),
        "remarks": [],
        "rows": [],
        "left_out": ["the other metrics and the floor are left out: they need the real pictures"],
    }
    if len(fake.x) <= width:
        found["left_out"].append(
            f"frechet_distance is left out: it needs {width + 1} pictures, and there are "
            f"{len(fake.x)}"
        )
        return found
    noise = np.random.default_rng(1).integers(0, 256, fake.x.shape, np.uint8)
    value, of_noise = (
        frechet_distance(moments(features_of(network, x).values), real.moments)
        for x in (fake.x, noise)
    )
    name = "inception/fid" if network.name == "inception" else f"{network.name}/frechet_distance"
    title = Comparison.metric(name).title
    found["rows"] = [Row(name, title, value, len(fake.x), noise=of_noise, better="lower")]
    return found


def _alike(real: data.Dataset, fake: data.Dataset) -> tuple[data.Dataset, data.Dataset, list[str]]:
    """Make gray pictures color ones where the others have color."""
    channels = [one.x.shape[-1] for one in (real, fake)]
    if channels[0] == channels[1]:
        return real, fake, []
    gray = "real" if channels[0] == 1 else "fake"
    real, fake = (
        one._replace(x=np.broadcast_to(one.x, (*one.x.shape[:3], 3))) for one in (real, fake)
    )
    return real, fake, [f"the {gray} pictures are gray and the others are not: compared as color"]


def _resizing(
    network: FeatureNetwork, real: data.Dataset, fake: data.Dataset
) -> tuple[FeatureNetwork, str]:
    """Return the network for pictures of two sizes, which are resized once, antialiased."""
    sizes = "real pictures are {}x{} and fake ones {}x{}".format(
        *real.x.shape[1:3], *fake.x.shape[1:3]
    )
    if network.name.startswith("stacked_"):
        raise ConfigError(f"--real, --fake: {sizes}; stacked digits have one size: make them so")
    remark = f"{sizes}: both are resized, antialiased, to the size that {network.name} takes"
    if network.name != "inception":  # the others are antialiased as they are
        return network, remark

    def apply(images):
        shape = (len(images), _INCEPTION_SIDE, _INCEPTION_SIDE, images.shape[-1])
        resized = jax.image.resize(images.astype(np.float32), shape, "bicubic")
        return network.apply(jax.numpy.clip(jax.numpy.round(resized), 0, 255).astype(np.uint8))

    return network._replace(apply=apply), remark


def _told(dataset: data.Dataset) -> str:
    n, height, width, channels = dataset.x.shape
    return (
        f"{n} pictures of {dataset.name}, {height}x{width} {'gray' if channels == 1 else 'color'}"
    )


def _save(path: Path, network: FeatureNetwork, of: Moments) -> None:
    content = io.BytesIO()
    np.savez(
        content,
        mu=of.mean,
        sigma=of.covariance(),
        number=np.int64(of.number),
        features=np.array(network.name),
    )
    write_whole(path, content.getvalue())
