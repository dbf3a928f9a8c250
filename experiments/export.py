"""Export a generator: python experiments/export.py --workdir=runs/dcgan_digits --out=g.zip."""

from jaxgan.runs.commands import export

if __name__ == "__main__":
    export.main()
