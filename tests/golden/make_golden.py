"""Cut the excerpts beside this script from what the authors' codes gave with random weights.

The whole files are as many megabytes as a repository should not hold. They lie in `golden`, beside
the folder that JAXGAN_TEST_DATA names:

    sg2.npz     NVlabs/stylegan2-ada-pytorch d72cc7d
    resnet.npz  ajbrock/BigGAN-PyTorch 9845943, kwotsin/mimicry a7fda06, google/lecam-gan f9af948,
                mit-han-lab/data-efficient-gans 0b63395
    pix.npz     the networks of junyanz/pytorch-CycleGAN-and-pix2pix
    tf.npz      tkarras/progressive_growing_of_gans 2504c3f, chrisdonahue/wavegan 40e85e8

    JAXGAN_TEST_DATA=... python tests/golden/make_golden.py

Weights are left out that no test without the whole files needs; of batches whose examples do not
see one another the first ones are kept.
"""

import os
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent

# What is kept, by name or, with a slash or dot at the end, by its beginning: all, or what an index
# leaves.
KEPT = {
    "sg2": {
        "rs/": ...,
        "map/": ...,
        "mod/": ...,
        "syn/G/synthesis.": ...,
        "syn/ws": ...,
        "syn/img": np.s_[:2],
        "lay/h": np.s_[:1],
        "lay/noise": ...,
        "lay/noisy": np.s_[:1],
        "pl/z": ...,
        "pl/noise": ...,
        "pl/lengths": ...,
        "pl/of_sum": ...,
        "syn/G/mapping.": ...,
        "mbs/": ...,
        "cd/weight": ...,
        "cd/bias": ...,
        "cd/y": ...,
        "cd/y0": ...,
        "ada/col/": np.s_[:8],
        "ada/img": np.s_[:8],
        "ada/col3": np.s_[:8],
        "ada/geo/": ...,
        "ada/geo_matrix": ...,
    },
    "resnet": {
        "big32/": ...,
        "mim64/D/": ...,
        "mim64/x": np.s_[:1],
        "mim64/count": ...,
        "mim128/count": ...,
        "mim64/out": np.s_[:1],
        "mim/gblock_c1_std": ...,
        "init/gain_std": ...,
        "sn/w": ...,
        "sn/u": ...,
        "sn/train": np.s_[[0, 29]],
        "sn/eval": ...,
        "ortho/": ...,
        "lecam/r": np.s_[:1],
        "lecam/f": np.s_[:1],
        "lecam/fixed": ...,
        "rel/": ...,
        "hinge/": ...,
        "ns/": ...,
        "da/28/x": np.s_[:2],
        "da/28/color/": np.s_[:2],
        "da/28/translation/": np.s_[:2],
        "da/28/cutout/": np.s_[:2],
        "da/7/x": np.s_[:8],
        "da/7/color/": np.s_[:8],
        "da/7/translation/": np.s_[:8],
        "da/7/cutout/": np.s_[:8],
        "da/20/range": ...,
        "da/36/range": ...,
        "da/7/range": ...,
    },
    "pix": {"x": ..., "res/": ..., "tc/": ..., "tc4/": ..., "loss/": ..., "count/": ...},
    "tf": {
        "progan/G/": ...,
        "progan/z": ...,
        "progan/img0.4": np.s_[:2],
        "progan/img1.4": np.s_[:2],
        "wave/G/": ...,
        "wave/z": np.s_[:1],
        "wave/snd": np.s_[:1],
        "wave/h": ...,
        "wave/shift-2": ...,
        "wave/shift1": ...,
    },
}


def excerpt(name: str, arrays) -> dict[str, np.ndarray]:
    """Return what `KEPT` says of a file's arrays."""
    found = {}
    for key in arrays.files:
        index = next((index for start, index in KEPT[name].items() if _fits(key, start)), None)
        # What one training step changes of a generator are its running statistics.
        if index is not None and ("/after/" not in key or "stored" in key):
            found[key] = arrays[key][index]
    return found


def _fits(key: str, start: str) -> bool:
    return key == start or (start.endswith(("/", ".")) and key.startswith(start))


def main() -> None:
    source = Path(os.environ["JAXGAN_TEST_DATA"]).parent / "golden"
    for name in KEPT:
        with np.load(source / f"{name}.npz", allow_pickle=False) as arrays:
            kept = excerpt(name, arrays)
        np.savez_compressed(HERE / f"{name}.npz", **kept)
        print(f"{name}.npz: {len(kept)} arrays, {(HERE / f'{name}.npz').stat().st_size} bytes")


if __name__ == "__main__":
    main()
