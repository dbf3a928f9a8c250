"""Measure a run: python experiments/evaluate.py --workdir=runs/dcgan_digits."""

from jaxgan.runs.commands import evaluate

if __name__ == "__main__":
    evaluate.main()
