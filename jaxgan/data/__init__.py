"""Data sets: from files on disk to uint8 arrays to batches on the device.

`load` returns a data set by its name, `order` decides which of its examples each step sees, and
`gather` picks them from an array on the device, inside a compiled step.
"""

from jaxgan.data._load import load
from jaxgan.data.batches import gather, order, to_uint8, to_unit
from jaxgan.data.dataset import Dataset
from jaxgan.data.errors import DataError

__all__ = ["DataError", "Dataset", "gather", "load", "order", "to_uint8", "to_unit"]
