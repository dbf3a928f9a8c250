"""Train a classifier whose features compare images."""

from jaxgan.runs.commands import train_classifier

if __name__ == "__main__":
    train_classifier.main()
