# Two commands do all there is to set up:  make quickstart  runs the main job,  make test  tests everything that can run here.
PYTHON ?= python3
VENV ?= .venv
PIP = $(VENV)/bin/python -m pip --disable-pip-version-check
BIN = $(VENV)/bin
APT = chromium chromium-driver

.PHONY: help quickstart install test check bench system clean

help:
	@echo "make quickstart   install into $(VENV), run workflows/quickstart.toml, say where the report is"
	@echo "make test         install, run all tests that can run here, say what was skipped and why"
	@echo "make check        ruff and mypy --strict"
	@echo "make bench        benchmarks, one line each"
	@echo "make install      only install into $(VENV)"

quickstart: $(VENV)/.installed
	$(BIN)/autode run workflows/quickstart.toml

install: $(VENV)/.installed

test: $(VENV)/.installed-test system
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PYTEST)

check: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed-test
	@for script in tests/benchmarks/bench_*.py; do OMP_NUM_THREADS=1 $(BIN)/python $$script || exit 1; done

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "autode needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: setup.cfg constraints.txt | $(VENV)/bin/python
	$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-test: setup.cfg constraints.txt | $(VENV)/bin/python
	$(PIP) install --quiet --constraint constraints.txt --editable '.[test,check]'
	@touch $@ $(VENV)/.installed

# The browser test needs Chromium; as root on Debian it is installed, elsewhere the test says that it was skipped.
system:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! command -v chromedriver >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(APT) >/dev/null; \
	fi

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
