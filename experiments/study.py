"""Compare GAN objectives: python experiments/study.py."""

from jaxgan.runs.commands import study

if __name__ == "__main__":
    study.main()
