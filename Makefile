# make demo: train on the digits that ship with the package.   make test: the whole test suite.
# make docs: build the documentation site in build/docs.   make faults: break things on purpose.
# make gpu: half an hour of measurements, for a machine with a GPU; the same command goes on where it was.
# All set up .venv when it is missing or when pyproject.toml has changed, and only then.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
DOCS_READY := .venv/docs-ready

.PHONY: demo docs faults gpu lint setup test test-slow

demo: setup
	$(BIN)/python experiments/train.py --flagfile=experiments/presets/demo_digits.flags

# Most of a test's time goes into compiling, which uses one core: two processes use two.
test: setup
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile

test-slow: setup
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile -m slow

# Breaks runs, checkpoints, files and command lines for some twenty minutes, and writes down what became of them.
faults: setup
	$(BIN)/python tests/faults/figures.py

gpu: setup
	$(BIN)/python benchmarks/gpu.py --out=runs/gpu --minutes=30

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright

docs: $(DOCS_READY)
	$(BIN)/python docs/make.py

setup: $(READY)

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("error: jaxgan needs Python 3.11 or newer; make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(READY)

# Only `make docs` needs these packages.
$(DOCS_READY): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	touch $(DOCS_READY)
