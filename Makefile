# sciabc-tui. `make` lists the targets.
# Nothing here needs root or sudo; what a test lacks is skipped with its reason (.ci/run installs all of it).
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check
RUN_STAMP := $(VENV)/.stamp-run
DEV_STAMP := $(VENV)/.stamp-dev
BENCHES ?= membership readings

.DEFAULT_GOAL := help
.PHONY: help run demo setup test check format bench lab snapshots pins clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(RUN_STAMP) ## set up, then open the control panel on this machine's cluster
	@$(BIN)/sciabc-tui

demo: $(RUN_STAMP) ## the control panel on eight simulated nodes: needs no cluster
	@$(BIN)/sciabc-tui --demo

setup: $(DEV_STAMP) ## set up the developer's venv in .venv

# First the tests that may run beside each other, then those with machines of their own, which mostly wait, then those
# that look at the clock (tests/conftest.py); 5 says that PYTEST_ARGS names none of them.
test: $(DEV_STAMP) check ## set up, lint, type-check and run all tests
	@first=0; second=0; third=0; \
	$(BIN)/python -m pytest -n 3 --dist loadfile -m 'not machine' $(PYTEST_ARGS) || first=$$?; \
	$(BIN)/python -m pytest -n 3 -m 'machine and not alone' $(PYTEST_ARGS) || second=$$?; \
	$(BIN)/python -m pytest -m alone $(PYTEST_ARGS) || third=$$?; \
	for status in $$first $$second $$third; do [ $$status -eq 0 ] || [ $$status -eq 5 ] || exit $$status; done

check: $(DEV_STAMP) ## ruff (lint, format), pyright strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/pyright

format: $(DEV_STAMP) ## let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(DEV_STAMP) ## run the short benchmarks; others: make bench BENCHES="ssh_streams lab_liveness hostile soak"
	@for name in $(BENCHES); do echo "== $$name"; PYTHONPATH=. $(BIN)/python tests/bench/$$name.py || exit 1; done

lab: $(DEV_STAMP) ## (root) real nodes in network namespaces, to try the real thing without owning a Pi
	@$(BIN)/python -m tests.lab $(LAB_ARGS)

snapshots: $(DEV_STAMP) ## accept the TUI's present look as snapshots/; read the diff before you commit it
	@$(BIN)/python -m pytest tests/tui --snapshot-update

pins: ## write constraints.txt anew from the newest versions that pyproject.toml admits
	@$(PYTHON) -m venv .venv-pins && .venv-pins/bin/python -m pip --quiet install -e '.[mpi,dev]'
	@{ echo "# Exact versions that the tests passed with. Refresh: make pins"; \
	   .venv-pins/bin/python -m pip freeze --exclude-editable; } > constraints.txt
	@rm -rf .venv-pins

clean: ## remove what was made here: the venv and every cache
	@rm -rf $(VENV) .venv-pins build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "sciabc-tui needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	       "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "Python's venv module is missing. On Debian: sudo apt install python3-venv"; exit 1; }

# One line on what happens: the first time takes a minute and prints nothing else.
$(RUN_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Setting up .venv (once, about a minute) ..."
	@$(PIP) install --constraint constraints.txt --editable '.[mpi]'
	@touch $@

$(DEV_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Setting up .venv for development (once, about two minutes) ..."
	@$(PIP) install --constraint constraints.txt --editable '.[mpi,dev]'
	@touch $@ $(RUN_STAMP)
