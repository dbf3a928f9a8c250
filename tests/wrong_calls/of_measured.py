"""Wrong calls of data and of metrics."""

import jax.numpy as jnp
import numpy as np
from networks import mlp
from wrong_calls.parts import (
    BYTES,
    FEATURES,
    GRAY,
    KEY,
    LABELS,
    LOGITS,
    MOMENTS,
    NAN,
    NOISE,
    PICTURES,
    POINTS,
    VARIABLES,
    WITH_NAN,
    critic,
)

import jaxgan
from jaxgan import data, export, latents, metrics, nets, onnx, weights
from jaxgan.data import domains, folder, images, preparation, sentences, toys
from jaxgan.data import scenes as drawn_scenes
from jaxgan.metrics import (
    classifiers,
    inception,
    pairs,
    pictures,
    scenes,
    solids,
    sound,
    torch_file,
)

GENERATOR = export.of_network(
    nets.stateless(lambda key, z: (), lambda params, z: z), VARIABLES, latent=NOISE
)

# Of each function: wrong calls, by words of the message that name the argument.
TABLE = {
    # Data.
    "data.gather": {
        "x is int32": lambda: data.gather(LABELS, LABELS),
        "x has shape (0, 2)": lambda: data.gather(POINTS[:0], LABELS),
        "index is a list": lambda: data.gather(POINTS, [0]),
        "index is a ndarray": lambda: data.gather(POINTS, POINTS),
        "index has values from 0 to 8": lambda: data.gather(POINTS, np.array([0, 8])),
        "index has values from -1": lambda: data.gather(POINTS, np.array([-1])),
    },
    "data.load": {
        "name is 3": lambda: data.load(3),
        "split is None": lambda: data.load("ring", split=None),
        "image_size=0": lambda: data.load("digits", image_size=0),
        "cache_dir is 3": lambda: data.load("digits", cache_dir=3),
        "crop='left' is not known": lambda: data.load("folder:x", crop="left"),
        "crop=fit goes with folder:": lambda: data.load("digits", crop="fit"),
        "background='x' is no color": lambda: data.load("folder:x", background="x"),
    },
    "data.order": {
        "size is 0": lambda: data.order(0, 2, seed=0, first_step=0, steps=1),
        "batch_size is 2.0": lambda: data.order(4, 2.0, seed=0, first_step=0, steps=1),
        "steps is -1": lambda: data.order(4, 2, seed=0, first_step=0, steps=-1),
    },
    "data.to_uint8": {
        "x is uint8": lambda: data.to_uint8(BYTES),
        "x has values that are NaN": lambda: data.to_uint8(np.array([NAN])),
    },
    "data.to_unit": {"x is float32": lambda: data.to_unit(PICTURES)},
    "data.domains.gray": {"x has shape (4, 8, 8, 1)": lambda: domains.gray(BYTES)},
    "data.domains.outlines": {"x is float32": lambda: domains.outlines(PICTURES)},
    "data.domains.reduced": {
        "factor=3": lambda: domains.reduced(BYTES, 3),
        "factor is 0": lambda: domains.reduced(BYTES, 0),
    },
    "data.domains.silhouettes": {
        "x has shape (0, 8, 8, 1)": lambda: domains.silhouettes(BYTES[:0])
    },
    "data.folder.load_folder": {"path is None": lambda: folder.load_folder(None, 8, "cache")},
    "data.images.color_of": {"background='x' is no color": lambda: images.color_of("x")},
    "data.images.framed": {
        "crop='left'": lambda: images.framed(GRAY, 4, "left"),
        "background=None": lambda: images.framed(GRAY, 4, "pad", None),
        "size is 0": lambda: images.framed(GRAY, 0, "fit"),
        "image is a ndarray": lambda: images.framed(BYTES, 4),
    },
    "data.preparation.prepare": {
        "source is None": lambda: preparation.prepare(None, "out.zip"),
        "target=out.tar is no name of a zip": lambda: preparation.prepare("digits", "out.tar"),
        "target=None is no name": lambda: preparation.prepare("digits", None),
        "image_size=(0, 3)": lambda: preparation.prepare("digits", "o.zip", image_size=(0, 3)),
        "crop='left'": lambda: preparation.prepare("digits", "o.zip", crop="left"),
        "background=3": lambda: preparation.prepare("digits", "o.zip", background=3),
    },
    "data.images.resize": {
        "images is float32": lambda: images.resize(PICTURES, 4),
        "size is 0": lambda: images.resize(BYTES, 0),
    },
    "data.images.fitted": {
        "size is -1": lambda: images.fitted(GRAY, -1),
        "size is 0": lambda: images.fitted(GRAY, (8, 0)),
    },
    "data.images.to_array": {
        "channels is 2": lambda: images.to_array(GRAY, 2),
        "image is a ndarray": lambda: images.to_array(BYTES, 1),
    },
    "data.images.upright": {"image is None": lambda: images.upright(None)},
    "data.scenes.coverage": {
        "shape is 'star'": lambda: drawn_scenes.coverage("star", 1.0, (2, 2), (4, 4)),
        "radius is -1": lambda: drawn_scenes.coverage("circle", -1.0, (2, 2), (4, 4)),
    },
    "data.scenes.load_scenes": {
        "split=new": lambda: drawn_scenes.load_scenes("new"),
        "image_size=20": lambda: drawn_scenes.load_scenes("test", 20),
    },
    "data.scenes.read": {
        "'a red star' is not understood": lambda: drawn_scenes.read("a red star"),
        "'a red circle above' is not": lambda: drawn_scenes.read("a red circle above"),
    },
    "data.sentences.to_sentences": {
        "tokens has shape (4,)": lambda: sentences.to_sentences(LABELS, "abcd"),
        "tokens are from 0 to 3": lambda: sentences.to_sentences(LABELS[:, None], "abc"),
    },
    "data.sentences.to_tokens": {
        "sentences is 'a b'": lambda: sentences.to_tokens("a b", ("a", "b"), 2),
        "'c' is not a word": lambda: sentences.to_tokens(["a c"], ("a", "b"), 2),
        "'a b a' has 3 words": lambda: sentences.to_tokens(["a b a"], ("a", "b"), 2),
        "length is 0": lambda: sentences.to_tokens(["a"], ("a", "b"), 0),
    },
    "data.toys.load_toy": {"name=rings": lambda: toys.load_toy("rings")},
    # Metrics.
    "metrics.class_shares": {
        "given logits are (3,)": lambda: metrics.class_shares(LOGITS[0]),
        "given logits are NaN": lambda: metrics.class_shares(WITH_NAN),
    },
    "metrics.classifier_score": {
        "splits is 0": lambda: metrics.classifier_score(FEATURES, splits=0),
        "given logits are <U1": lambda: metrics.classifier_score([["a"]]),
        "given logits are (0, 3)": lambda: metrics.classifier_score(FEATURES[:0]),
    },
    "metrics.density_coverage": {
        "k is 0": lambda: metrics.density_coverage(FEATURES, FEATURES, k=0),
        "real features are NaN": lambda: metrics.density_coverage(WITH_NAN, FEATURES),
    },
    "metrics.precision_recall": {
        "k is 1.5": lambda: metrics.precision_recall(FEATURES, FEATURES, k=1.5),
        "real 3, fake 2": lambda: metrics.precision_recall(FEATURES, FEATURES[:, 1:]),
    },
    "metrics.frechet_distance": {
        "first is a ndarray": lambda: metrics.frechet_distance(FEATURES, MOMENTS),
        "second moments are NaN": lambda: metrics.frechet_distance(
            MOMENTS, MOMENTS._replace(mean=np.full(3, NAN))
        ),
        "mean (2,) and scatter (3, 3)": lambda: metrics.frechet_distance(
            MOMENTS, MOMENTS._replace(mean=np.zeros(2))
        ),
    },
    "metrics.kernel_distance": {
        "subset_size is 1": lambda: metrics.kernel_distance(FEATURES, FEATURES, subset_size=1),
        "subsets is 0": lambda: metrics.kernel_distance(FEATURES, FEATURES, subsets=0),
        "seed is -1": lambda: metrics.kernel_distance(FEATURES, FEATURES, seed=-1),
        "second features are (3,)": lambda: metrics.kernel_distance(FEATURES, FEATURES[0]),
        "first features are complex": lambda: metrics.kernel_distance(1j * FEATURES, FEATURES),
    },
    "metrics.merge": {
        "differ in width: 3 and 2": lambda: metrics.merge(
            MOMENTS, metrics.Moments(2, np.zeros(2), np.zeros((2, 2)))
        ),
    },
    "metrics.mode_coverage": {
        "modes is 0": lambda: metrics.mode_coverage([0], 0),
        "codes are float64": lambda: metrics.mode_coverage([0.5], 2),
        "codes are int64 (1, 1)": lambda: metrics.mode_coverage([[0]], 2),
    },
    "metrics.moments": {
        "given features are NaN": lambda: metrics.moments(WITH_NAN),
        "given features cannot be": lambda: metrics.moments([[1.0], [1.0, 2.0]]),
        "given features are (0, 3)": lambda: metrics.moments(FEATURES[:0]),
        "given features are NaN or": lambda: metrics.moments(
            np.full((4, 2), NAN).astype(jnp.bfloat16)
        ),
    },
    "metrics.nearest": {
        "norm 'l3'": lambda: metrics.nearest(FEATURES, FEATURES, norm="l3"),
        "references are of shape (0, 3)": lambda: metrics.nearest(FEATURES, FEATURES[:0]),
        "query values are NaN": lambda: metrics.nearest(WITH_NAN, FEATURES),
    },
    "metrics.path_length": {
        "features of paths are (20, 3)": lambda: metrics.path_length(FEATURES),
        "features of paths are (0, 20, 3)": lambda: metrics.path_length(FEATURES[None][:0]),
    },
    "metrics.pixels": {
        "channels is 0": lambda: metrics.pixels(0),
        "images has shape (4, 8, 8, 1)": lambda: metrics.pixels(3).apply(BYTES),
        "images is float32": lambda: metrics.pixels(1).apply(PICTURES),
    },
    "metrics.point_modes": {
        "sd is nan": lambda: metrics.point_modes(POINTS, POINTS, NAN),
        "central points are (2,)": lambda: metrics.point_modes(POINTS, POINTS[0], 1.0),
    },
    "metrics.points": {"points has shape (4, 3)": lambda: metrics.points().apply(LOGITS)},
    "metrics.stacked": {"network is None": lambda: metrics.stacked(None)},
    "metrics.classifiers.Classifier": {"channels=2": lambda: classifiers.Classifier(2)},
    "metrics.classifiers.load": {"'letters'": lambda: classifiers.load("letters")},
    "metrics.classifiers.save": {
        "variables does not hold": lambda: classifiers.save("weights.npz", {"params": {}}),
    },
    "metrics.inception.from_arrays": {"there is no": lambda: inception.from_arrays({})},
    "metrics.inception.load": {"nowhere.pth": lambda: inception.load("nowhere.pth")},
    "metrics.inception.resize": {"images of float32": lambda: inception.resize(PICTURES)},
    "metrics.pairs.over_chunks": {
        "chunk is 0": lambda: pairs.over_chunks(critic, FEATURES, chunk=0),
        "rows has shape (0, 3)": lambda: pairs.over_chunks(critic, FEATURES[:0]),
    },
    "metrics.pairs.squared_distances": {
        "b has shape (4, 2)": lambda: pairs.squared_distances(LOGITS, POINTS)
    },
    "metrics.pictures.psnr": {
        "pictures are (4, 8, 8, 1) and (1, 8": lambda: pictures.psnr(BYTES, BYTES[:1]),
        "pictures are float32": lambda: pictures.psnr(PICTURES, BYTES),
    },
    "metrics.pictures.sharpness": {"pictures are uint8 (0": lambda: pictures.sharpness(BYTES[:0])},
    "metrics.scenes.found": {
        "picture has shape (8, 8, 1)": lambda: scenes.found(BYTES[0]),
        "picture is float32": lambda: scenes.found(PICTURES[0].repeat(3, axis=-1)),
    },
    "metrics.scenes.shows": {
        "x is uint8 (4, 8, 8, 1)": lambda: scenes.shows(BYTES, ["a red circle"] * 4),
        "there are 1 sentences": lambda: scenes.shows(BYTES.repeat(3, -1), ["a red circle"]),
    },
    "metrics.solids.closed": {
        "share is nan": lambda: solids.closed(BYTES[..., None, :], share=NAN),
        "solids are (4, 8, 8, 1)": lambda: solids.closed(BYTES),
    },
    "metrics.solids.volume": {
        "threshold is nan": lambda: solids.volume(BYTES[..., None, :], NAN),
    },
    "metrics.sound.pitch": {
        "rate is nan": lambda: sound.pitch(PICTURES[..., 0, 0], NAN),
        "lowest is -1": lambda: sound.pitch(PICTURES[..., 0, 0], 4000, lowest=-1),
        "sounds are uint8": lambda: sound.pitch(BYTES[..., 0, 0], 4000),
    },
    "metrics.sound.pitch_class": {
        "frequencies of shape (0,)": lambda: sound.pitch_class(PICTURES[..., 0, 0], 4000, []),
        "within is nan": lambda: sound.pitch_class(PICTURES[..., 0, 0], 4000, [440], within=NAN),
    },
    "metrics.torch_file.parse": {"not a": lambda: torch_file.parse(b"")},
    # What leaves a run, and what enters one.
    "jaxgan.load_generator": {
        "path is 3": lambda: jaxgan.load_generator(3),
        "step, best and member are of runs": lambda: jaxgan.load_generator("x.zip", step=3),
        "x.onnx: run it with onnxruntime": lambda: jaxgan.load_generator("x.onnx"),
    },
    "jaxgan.load_run": {
        "workdir is None": lambda: jaxgan.load_run(None),
        "workdir=nowhere: there is no run here": lambda: jaxgan.load_run("nowhere"),
    },
    "export.Generator": {
        "z is None; the generator expects latents [B, 2]": GENERATOR,
        "z has shape (4, 3)": lambda: GENERATOR(LOGITS),
        "y is given; the generator takes none": lambda: GENERATOR(POINTS, LABELS),
        "seed is 0.5": lambda: GENERATOR(POINTS, seed=0.5),
        "n is 0": lambda: GENERATOR.latent(KEY, 0),
    },
    "export.load": {"path is 3": lambda: export.load(3)},
    "export.of_network": {
        "generator is None": lambda: export.of_network(None, VARIABLES, latent=NOISE),
        "latent and source are None": lambda: export.of_network(mlp(2), VARIABLES),
        "classes and source are given": lambda: export.of_network(
            mlp(2), VARIABLES, classes=["a"], source=(4, 4, 1)
        ),
        "latent is the function latents.normal itself": lambda: export.of_network(
            mlp(2), VARIABLES, latent=latents.normal
        ),
    },
    "export.save": {
        "platforms=['abacus']": lambda: export.save(
            "x.zip", mlp(2), VARIABLES, latent=NOISE, platforms=["abacus"]
        ),
        "latent and source are None": lambda: export.save("x.zip", mlp(2), VARIABLES),
    },
    "onnx.save": {
        "seed is -1": lambda: onnx.save("x.onnx", mlp(2), VARIABLES, latent=NOISE, seed=-1),
    },
    "weights.convert": {
        "tensors is None": lambda: weights.convert(None),
        "tensors are of no network": lambda: weights.convert({"a": POINTS}),
    },
    "weights.fit": {"leaves is None": lambda: weights.fit(VARIABLES, None)},
    "weights.load": {"path is 3": lambda: weights.load(3, VARIABLES)},
    "weights.read": {"path is 3": lambda: weights.read(3)},
}
