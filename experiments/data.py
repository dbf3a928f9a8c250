"""Make a data set of pictures: python experiments/data.py pets/ pets64.zip --image_size=64."""

from jaxgan.runs.commands import data

if __name__ == "__main__":
    data.main()
