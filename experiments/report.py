"""Make a page about runs: python experiments/report.py runs/dcgan_digits."""

from jaxgan.runs.commands import report

if __name__ == "__main__":
    report.main()
