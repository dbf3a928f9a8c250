"""Benchmark the steps of any run: python experiments/bench.py --width=64 --shape=32,32,3."""

from jaxgan.runs.commands import bench

if __name__ == "__main__":
    bench.main()
