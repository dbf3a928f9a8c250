"""Write inception_golden.npz: the outputs of torch-fidelity's own network for random weights.

It needs the packages torch and torch-fidelity (0.4.0 was taken), which the tests do not:

    python tests/metrics/make_inception_golden.py
"""

import hashlib
import importlib.util
import sys
import types
import zlib
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).with_name("inception_golden.npz")
SIZES = [(32, 32), (28, 40)]
RESIZED = [*SIZES, (320, 299)]


def random_weights(shapes):
    """Return weights that keep activations near 1, from their names and shapes alone."""

    def uniform(name, shape, low, high):
        # The raw bits are what NumPy guarantees to be the same in all versions.
        bits = np.random.PCG64(zlib.crc32(name.encode())).random_raw(int(np.prod(shape)))
        zero_to_one = (bits >> np.uint64(40)).astype(np.float32) / np.float32(2**24)
        return (np.float32(low) + np.float32(high - low) * zero_to_one).reshape(shape)

    def draw(name, shape):
        if name.endswith(("conv.weight", "fc.weight")):
            bound = np.sqrt(6 / np.prod(shape[1:]))
            return uniform(name, shape, -bound, bound)
        if name.endswith("bn.weight"):
            return uniform(name, shape, 0.6, 1.4)
        if name.endswith("running_var"):
            return uniform(name, shape, 0.7, 1.9)
        return uniform(name, shape, -0.2, 0.2)

    return {name: draw(name, shape) for name, shape in shapes.items()}


def images(height, width):
    """Return two images of noise `[2, height, width, 3]`, one coarse and one fine."""
    bits = np.random.PCG64(height).random_raw(2 * height * width * 3)
    fine = (bits & np.uint64(255)).astype(np.uint8).reshape(2, height, width, 3)
    coarse = fine[0, ::4, ::4].repeat(4, axis=0).repeat(4, axis=1)[:height, :width]
    return np.stack([coarse, fine[1]])


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array, "<f4").tobytes()).hexdigest()


def torch_fidelity():
    """Return torch-fidelity's modules of the network and of the interpolation.

    The package itself imports torchvision, which the network does not need: an empty package with
    the same path takes its place.
    """
    if "torch_fidelity" not in sys.modules:
        spec = importlib.util.find_spec("torch_fidelity")
        package = types.ModuleType("torch_fidelity")
        package.__path__ = spec.submodule_search_locations
        sys.modules["torch_fidelity"] = package
    from torch_fidelity import feature_extractor_inceptionv3, interpolate_compat_tensorflow

    return feature_extractor_inceptionv3, interpolate_compat_tensorflow


def torch_resize(images):
    import torch

    _, interpolate = torch_fidelity()
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    x = interpolate.interpolate_bilinear_2d_like_tensorflow1x(x, (299, 299), align_corners=False)
    return ((x - 128) / 128).permute(0, 2, 3, 1).numpy()


def torch_network(file):
    """Return their network with random weights, which are also written to `file`."""
    import torch

    module, _ = torch_fidelity()

    class Unloaded(module.FeatureExtractorInceptionV3):
        def load_state_dict(self, state_dict):
            del state_dict

    original, module.load_state_dict_from_url = module.load_state_dict_from_url, lambda *_, **__: {}
    try:
        empty = Unloaded("inception", ["2048"]).state_dict()
    finally:
        module.load_state_dict_from_url = original
    shapes = {name: tuple(value.shape) for name, value in empty.items() if value.ndim}
    weights = {name: torch.from_numpy(value) for name, value in random_weights(shapes).items()}
    torch.save(empty | weights, file)
    return module.FeatureExtractorInceptionV3(
        "inception", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(file)
    )


def torch_answers(network, images):
    import torch

    return [x.numpy() for x in network(torch.from_numpy(images).permute(0, 3, 1, 2))]


def main():
    import tempfile

    arrays = {}
    with tempfile.TemporaryDirectory() as folder:
        network = torch_network(Path(folder) / "weights.pth")
    for height, width in RESIZED:
        arrays[f"{height}x{width}/resized"] = np.array(digest(torch_resize(images(height, width))))
    for height, width in SIZES:
        features, logits = torch_answers(network, images(height, width))
        arrays |= {f"{height}x{width}/features": features, f"{height}x{width}/logits": logits}
    np.savez(GOLDEN, **arrays)


if __name__ == "__main__":
    main()
