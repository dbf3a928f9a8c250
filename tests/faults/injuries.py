"""Damage the checkpoints of a run in every way, and read them: injuries.py --injuries=200.

Bits are flipped, files cut, emptied, exchanged and deleted, anywhere in the newest checkpoint.
Every reader has to notice and to take the one before it. One line of JSON says what was found.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

from absl import logging
from trainings import prepare, start, wait


def injure(draw: random.Random, checkpoint: Path) -> str:
    """Damage one file of a checkpoint; return how and which."""
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file())
    file = draw.choice(files)
    content = bytearray(file.read_bytes())
    way = draw.choice(["flip", "cut", "empty", "exchange", "delete", "zeros"])
    i = draw.randrange(max(1, len(content)))
    if way == "delete" or not content:
        way = "delete"
        file.unlink()
        return f"{way} {file.relative_to(checkpoint)}"
    if way == "flip":
        content[i] ^= 1 << draw.randrange(8)
    elif way == "cut":
        del content[i:]
    elif way == "empty":
        content.clear()
    elif way == "exchange":
        others = [other for path in files if (other := path.read_bytes()) != content]
        content[:] = draw.choice(others) or b"0"
    elif not any(content[i : i + 4096]):
        content[i] = 1
    else:
        content[i : i + 4096] = bytes(len(content[i : i + 4096]))
    file.write_bytes(content)
    return f"{way} {file.relative_to(checkpoint)}"


def main(injuries: int, seed: int) -> dict:
    """Try so many injuries, and return the figures."""
    prepare()
    draw = random.Random(seed)
    figures: dict = {"injuries": 0, "noticed": 0, "unnoticed": []}
    with tempfile.TemporaryDirectory() as room:
        whole, hurt = Path(room, "whole"), Path(room, "hurt")
        assert wait(start(whole, Path(room, "cache"))) == 0, Path(f"{whole}.err").read_text()
        from jaxgan.runs.restore import restore

        logging.set_verbosity(logging.FATAL)
        *_, before, newest = sorted(int(path.name) for path in (whole / "checkpoints").iterdir())
        assert restore(str(whole)).step == newest
        for _ in range(injuries):
            shutil.rmtree(hurt, ignore_errors=True)
            shutil.copytree(whole, hurt)
            name = injure(draw, hurt / "checkpoints" / str(newest))
            figures["injuries"] += 1
            if restore(str(hurt)).step == before:
                figures["noticed"] += 1
            else:
                figures["unnoticed"].append(name)
    return figures


if __name__ == "__main__":
    os.environ["JAX_PLATFORMS"] = "cpu"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--injuries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    figures = main(**vars(parser.parse_args()))
    print(json.dumps(figures))
    sys.exit(bool(figures["unnoticed"]))
