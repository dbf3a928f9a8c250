"""Measures of the quality of samples, and the networks whose features they are computed in.

A number means little by itself. Report it with the number of samples, the value that real data get
(the floor), and the value that noise gets.
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
from jaxgan.metrics.neighbors import Neighbors, nearest
from jaxgan.metrics.paths import Path, path_length
from jaxgan.metrics.scores import class_shares, classifier_score

__all__ = [
    "DensityCoverage",
    "Estimate",
    "FeatureNetwork",
    "MetricError",
    "Modes",
    "Moments",
    "Neighbors",
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
