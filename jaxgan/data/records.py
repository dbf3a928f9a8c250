"""The files that tensorflow-datasets prepares, read without TensorFlow."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import tensorflow_datasets as tfds

from jaxgan.data.errors import DataError

BLOCK = 256  # records that are read from an array_record file at a time


def raw_examples(builder: Any, split: str) -> Iterator[bytes]:
    """Yield the serialized examples of a prepared TFDS data set, in the order on disk.

    Args:
        builder: a prepared `tfds.core.DatasetBuilder`.
        split: a split or a slice of one, such as `train[:50%]`.

    Raises:
        DataError: if the data set is neither in `array_record` nor in `tfrecord` format.

    Source: https://www.tensorflow.org/datasets/data_source
    """
    file_format = builder.info.file_format.value
    if file_format == "array_record":
        yield from _array_records(builder, split)
    elif file_format == "tfrecord":
        for shard in builder.info.splits[split].file_instructions:
            last = shard.examples_in_shard if shard.take < 0 else shard.skip + shard.take
            with open(shard.filename, "rb") as file:
                for number, record in zip(range(last), tfrecords(file), strict=False):
                    if number >= shard.skip:
                        yield record
    else:
        raise DataError(
            f"{builder.info.full_name} in {builder.data_dir} is in {file_format} format; only "
            "array_record and tfrecord can be read: prepare it again in another data_dir=DIRECTORY"
        )


def _array_records(builder: Any, split: str) -> Iterator[bytes]:
    raw = tfds.decode.DeserializeMethod.RAW_BYTES
    source = builder.as_data_source(split=split, deserialize_method=raw)
    for start in range(0, len(source), BLOCK):
        yield from source.__getitems__(range(start, min(start + BLOCK, len(source))))


def tfrecords(file: BinaryIO) -> Iterator[bytes]:
    """Yield the records of a TFRecord file.

    A record is its length (8 bytes, little endian), a checksum (4), the data, a checksum (4). The
    checksums are not verified; a truncated file is noticed by its length.

    Raises:
        DataError: if the file ends within a record.

    Source: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
    """
    size = os.fstat(file.fileno()).st_size
    while header := file.read(12):
        length = struct.unpack("<Q", header[:8])[0] if len(header) == 12 else size
        record = file.read(length) if length < size else b""
        if len(record) < length or len(file.read(4)) < 4:
            name = Path(file.name).absolute()
            raise DataError(f"{name} ends within a record: delete its folder and prepare it again")
        yield record
