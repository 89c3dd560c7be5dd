# make demo: see it work. make test: everything that must hold. make test-matrix: the same on older and other stacks.
# make docs: the pages, with every example executed, in docs/_build/html. They build their virtual environments themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export TF_CPP_MIN_LOG_LEVEL ?= 3
export CUDA_VISIBLE_DEVICES ?= -1
export TF_ENABLE_ONEDNN_OPTS ?= 0

.PHONY: demo test test-long test-matrix mutants lint docs bench clean

$(VENV)/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "kreg_ipython needs Python 3.10 or newer: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

demo: $(VENV)/installed
	$(BIN)/python notebooks/demo.py

test: lint
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --nbval-lax --ignore tests/long tests notebooks

# Thousands of histories (a run that fails says how to play it again), an interrupt at every line of ours, each notebook twice.
test-long: $(VENV)/installed
	KREG_HISTORIES=2000 KREG_DIFFERENTIAL=2000 KREG_INTERRUPT_EVERY=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile \
		tests/long tests/test_histories.py tests/test_differential.py tests/test_interrupts.py

test-matrix:
	$(PYTHON) tests/matrix.py $(STACKS)

$(VENV)/installed-mutants: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[mutants]'
	touch $@

# Breaks each line of the guard by itself: a fast test must fail nine times of ten. A quarter of an hour, and not in CI.
# What is left: mutmut results, mutmut show NAME.
mutants: $(VENV)/installed-mutants
	rm -rf mutants # it asks neither anew which test executes what, nor about mutants that have survived
	PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 $(BIN)/mutmut run --max-children 2
	$(BIN)/python tests/mutants.py

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/installed-docs: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[docs]'
	touch $@

docs: $(VENV)/installed-docs
	$(BIN)/sphinx-build -W --keep-going -n -E -b html docs docs/_build/html

bench: $(VENV)/installed
	$(BIN)/python tests/benchmarks/page.py

clean:
	rm -rf $(VENV) .matrix mutants .mypy_cache .pytest_cache .ruff_cache .hypothesis docs/_build docs/notebooks
