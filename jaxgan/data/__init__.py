"""Data: what is on disk -> uint8 arrays -> batches on the device.

`load` gives a data set by its name, `order` says which of its examples a step sees, and `gather`
takes them out of an array on the device inside a compiled step.
"""

from jaxgan.data._load import load
from jaxgan.data.batches import gather, order, to_uint8, to_unit
from jaxgan.data.dataset import Dataset
from jaxgan.data.errors import DataError

__all__ = ["DataError", "Dataset", "gather", "load", "order", "to_uint8", "to_unit"]
