"""Train a GAN: python experiments/train.py --preset=dcgan_digits."""

from jaxgan.runs.commands import train

if __name__ == "__main__":
    train.main()
