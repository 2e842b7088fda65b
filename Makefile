# fofx: `make demo` shows what it does, `make test` checks it. Needs python3 (3.11 or newer) and make, nothing else.
# Another interpreter: make setup PYTHON=python3.13

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.fofx-setup
CHECKED := src tests benchmarks tools
# Two workers when there are two cores; each keeps to one thread.
WORKERS := $(shell [ "$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)" -ge 2 ] && echo "-n 2")

.PHONY: help setup demo studio test test-slow lint screenshots clean

help:
	@echo "make setup      create $(VENV) with fofx and everything it needs"
	@echo "make demo       find f on three built-in data sets: a river, digits, Chinese reviews"
	@echo "make studio     open the studio in the browser: playground, tasks, runs"
	@echo "make test       check the code and run the tests"
	@echo "make test-slow  run the longer tests"
	@echo "make lint       check the code only"
	@echo "make screenshots  take the pictures of docs/ from the running studio (needs Chromium)"
	@echo "make clean      remove $(VENV) and everything made by tools (runs stay)"

setup: $(STAMP)

# Done again only when what should be installed has changed.
$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "fofx needs Python 3.11 or newer, and '$(PYTHON)' was not found. Install Python 3, or: make setup PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "fofx needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Try: make setup PYTHON=python3.12" >&2; exit 1; }
	@[ -x $(BIN)/python ] && $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || { \
	  echo "Python could not make a virtual environment. On Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	@echo "Installing fofx and what it needs into $(VENV); the first time takes some minutes ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[data,vision,sound,video,studio,test]" || { \
	  echo "Installing failed; the lines above say why. After mending it, 'make setup' goes on where it stopped." >&2; exit 1; }
	@touch $@
	@echo "Ready. Try: $(BIN)/fofx --help"

demo: setup
	@$(BIN)/fofx demo

studio: setup
	@$(BIN)/fofx studio

lint: setup
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/mypy

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" $(WORKERS)

test-slow: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow

# Two minutes: three small runs are trained first. With RUNS=folder the runs are kept there and used again.
screenshots: setup
	$(BIN)/python tools/screenshots.py $(if $(RUNS),--runs $(RUNS))

clean:
	rm -rf $(VENV) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
