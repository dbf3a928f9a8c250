"""What the settings that are words may be."""

LOSSES = (
    "non_saturating",
    "minimax",
    "least_squares",
    "hinge",
    "wasserstein",
    "relativistic_paired",
    "relativistic_average",
    "boundary_seeking",
)
RECIPES = (
    "gan",
    "progressive",
    "stylegan2",
    "acgan",
    "infogan",
    "sgan",
    "cogan",
    "bigan",
    "aae",
    "pix2pix",
    "cyclegan",
    "context_encoder",
    "ccgan",
    "srgan",
)
MODELS = (
    "dcgan",
    "mlp",
    "resnet",
    "biggan",
    "progressive",
    "stylegan2",
    "r3gan",
    "unet",
    "translator",
    "srgan",
    "wavegan",
    "voxels",
)
UNANCHORED = ("wasserstein", "relativistic_paired", "relativistic_average")
SMOOTHED = ("non_saturating", "minimax", "least_squares")
METRICS = (
    "frechet_distance",
    "kernel_distance",
    "precision_recall",
    "density_coverage",
    "classifier_score",
    "modes",
)
FEATURES = ("auto", "digits", "mnist", "fashion_mnist", "inception", "pixels")
AUGMENTS = ("none", "diffaugment", "ada", "scheduled")
PENALTIES = ("none", "gradient_penalty", "dragan", "r1", "r2", "r1_r2")

DRAWN_FROM_NOISE = ("gan", "progressive", "stylegan2")
DENSE_OR_DCGAN = ("acgan", "infogan", "sgan", "cogan", "bigan", "aae")
INPAINTING = ("context_encoder", "ccgan")
PICTURE_TO_PICTURE = ("pix2pix", "srgan", "cyclegan", *INPAINTING)
"""Recipes whose samples are made of a picture each, and of no noise."""
