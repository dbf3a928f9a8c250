"""The benchmark of streaming decodes, opens again and reads what it says it does."""

import numpy as np
import streaming
from PIL import Image


def test_a_folder_is_decoded_opened_again_and_read(tmp_path):
    random = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for i in range(640):
        picture = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8))
        picture.save(tmp_path / "pictures" / f"{i}.jpg")
    given = str(tmp_path / "pictures"), 0, str(tmp_path / "cache"), 2
    found = streaming.in_child("decode", *given)
    assert (found["pictures"], found["bytes"]) == (640, 640 * 8 * 8 * 3)
    assert found["anonymous_bytes"] < found["peak_bytes"]
    epochs = streaming.read(*given, step_ms=1.0)
    assert set(epochs) == {"first", "later"}
    assert all(0 <= epoch["waited"] < 1 for epoch in epochs.values())
