"""Draw samples from a run: python experiments/sample.py --workdir=runs/dcgan_digits."""

from jaxgan.runs.commands import sample

if __name__ == "__main__":
    sample.main()
