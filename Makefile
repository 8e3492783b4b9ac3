# Two commands do all there is to set up:  make quickstart  runs the main job,  make test  tests everything that can run here.
PYTHON ?= python3
VENV ?= .venv
PIP = $(VENV)/bin/python -m pip --disable-pip-version-check
BIN = $(VENV)/bin
APT_BROWSER = chromium chromium-driver
APT_SLURM = munge slurmctld slurmd slurmdbd slurm-client slurm-wlm-basic-plugins slurm-wlm-mysql-plugin \
	mariadb-server-core mariadb-client-core libpmix-dev iproute2 util-linux procps shellcheck
APT_IMAGE = mmdebstrap bubblewrap
APT_MPI = openmpi-bin

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
	OMP_NUM_THREADS=1 tests/run_all.sh $(BIN)/python $(PYTEST)

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

# Some tests need a browser, a second MPI, a Slurm cluster or a container's root file system of their own. As root on Debian their packages are installed (no daemon is
# started); elsewhere these tests say that they were skipped and why.
system:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		command -v chromedriver >/dev/null || $(call apt,$(APT_BROWSER)); \
		command -v mpiexec >/dev/null || $(call apt,$(APT_MPI)); \
		{ command -v slurmdbd && command -v mariadbd && command -v shellcheck && ls /usr/lib/*/pmix2/lib/libpmix.so; } \
			>/dev/null 2>&1 || $(call apt,$(APT_SLURM)); \
		{ command -v mmdebstrap && command -v bwrap; } >/dev/null || $(call apt,$(APT_IMAGE)); \
	fi

define apt
{ policy=/usr/sbin/policy-rc.d; \
	[ -e $$policy ] || { printf '\043!/bin/sh\nexit 101\n' >$$policy; chmod +x $$policy; ours=$$policy; }; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(1) >/dev/null; \
	status=$$?; rm -f $$ours; [ $$status = 0 ]; }
endef

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
