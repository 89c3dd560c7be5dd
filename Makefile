# make demo: see it work. make test: everything that must hold. make test-matrix: the same on older and other stacks.
# make docs: the pages, with every example executed, in docs/_build/html. make dist: the wheel, and whether it works.
# They build their virtual environments themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check
export PYTHONDONTWRITEBYTECODE := # as users have it: or else each of a hundred processes compiles all of ours
export TF_CPP_MIN_LOG_LEVEL ?= 3
export CUDA_VISIBLE_DEVICES ?= -1
export TF_ENABLE_ONEDNN_OPTS ?= 0

.PHONY: demo test suite notebooks test-long test-matrix mutants lint docs dist bench clean

$(VENV)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "kreg_ipython needs Python 3.11 or newer: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --quiet --upgrade 'pip>=25.1' # older ones know no groups
	touch $@

# A group of pyproject.toml, and the package from here. Who wants to see it work sees what pip does; the others know pip.
$(VENV)/installed-%: pyproject.toml | $(VENV)/pip
	@echo "Installing the group '$*' of pyproject.toml into $(VENV)."
	$(PIP) $(if $(filter demo,$*),--progress-bar on,--quiet) --group $* --editable .
	touch $@

demo:
	@echo "make demo does two things:"
	@echo "1. It installs TensorFlow, Keras and a Jupyter kernel into $(VENV). That is done once: 590 MB to download, 2.2 GB on"
	@echo "   the disk, two minutes if your line is fast. pip says what it is at."
	@echo "2. It runs notebooks/quickstart.ipynb in two real kernels, edits its cells and runs them again: as without the"
	@echo "   extension, then with it. That takes half a minute."
	@echo
	@$(MAKE) --no-print-directory $(VENV)/installed-demo
	@$(BIN)/python notebooks/demo.py

# A test often waits for a kernel: four processes keep two cores busy.
test: lint
	@$(MAKE) --no-print-directory --jobs 2 suite notebooks

suite: $(VENV)/installed-test
	$(BIN)/python -m pytest -q -n 3 --dist worksteal -p no:nbval --ignore tests/long tests

notebooks: $(VENV)/installed-test
	$(BIN)/python -m pytest -q --nbval-lax notebooks

# Thousands of histories (a run that fails says how to play it again), an interrupt at every line of ours, each notebook twice.
test-long: $(VENV)/installed-test
	KREG_HISTORIES=2000 KREG_DIFFERENTIAL=2000 KREG_INTERRUPT_EVERY=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal \
		tests/long tests/test_histories.py tests/test_differential.py tests/test_interrupts.py

test-matrix:
	$(PYTHON) tests/matrix.py $(STACKS)

# Breaks each line of the guard by itself: a fast test must fail nine times of ten. A quarter of an hour, and not in CI.
# What is left: mutmut results, mutmut show NAME.
mutants: $(VENV)/installed-mutants
	rm -rf mutants # it asks neither anew which test executes what, nor about mutants that have survived
	PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 $(BIN)/mutmut run --max-children 2
	$(BIN)/python tests/mutants.py

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/installed-docs
	$(BIN)/sphinx-build -W --keep-going -n -E -b html docs docs/_build/html

# The wheel and the source distribution in dist/; the wheel is loaded in a kernel of an environment that has nothing else.
dist: $(VENV)/installed-dist
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/twine check --strict dist/*
	$(BIN)/python tests/wheel.py dist/*.whl

bench: $(VENV)/installed-test
	$(BIN)/python tests/benchmarks/page.py

clean:
	rm -rf $(VENV) .matrix mutants .mypy_cache .pytest_cache .ruff_cache .hypothesis dist docs/_build docs/notebooks
