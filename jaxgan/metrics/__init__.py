"""How good samples are: pure functions of features, and the networks that features come from.

A number here is only as good as its company: say how many samples it was taken with, what real
data give against real data (the floor), and what noise gives.
"""

from jaxgan.metrics._moments import Moments, merge, moments
from jaxgan.metrics.checks import MetricError
from jaxgan.metrics.coverage import (
    DensityCoverage,
    PrecisionRecall,
    density_coverage,
    precision_recall,
)
from jaxgan.metrics.distances import Estimate, frechet_distance, kernel_distance
from jaxgan.metrics.features import FeatureNetwork, pixels, points, stacked
from jaxgan.metrics.modes import Modes, PointModes, mode_coverage, point_modes
from jaxgan.metrics.neighbours import Neighbours, nearest
from jaxgan.metrics.paths import Path, path_length
from jaxgan.metrics.scores import class_shares, classifier_score

__all__ = [
    "DensityCoverage",
    "Estimate",
    "FeatureNetwork",
    "MetricError",
    "Modes",
    "Moments",
    "Neighbours",
    "Path",
    "PointModes",
    "PrecisionRecall",
    "class_shares",
    "classifier_score",
    "density_coverage",
    "frechet_distance",
    "kernel_distance",
    "merge",
    "mode_coverage",
    "moments",
    "nearest",
    "path_length",
    "pixels",
    "point_modes",
    "points",
    "precision_recall",
    "stacked",
]
