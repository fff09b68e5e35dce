# Everything a person does with this project. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement

.PHONY: help run test chaos postgresql lint bench lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: $(VENV)/.run ## web server and workers with the demo, from a fresh clone; Ctrl-C stops them
	@$(BIN)/python manage.py prepare
	@exec $(BIN)/python manage.py serve

test: $(VENV)/.dev ## the whole test suite, with real servers and a real browser
	@tests/install_programs
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(ARGS)

chaos: $(VENV)/.dev ## every fault test and CHAOS_MINUTES (30) of random faults; prints a report
	@$(BIN)/python -m pytest tests/faults -s -m "chaos or not chaos" $(ARGS)

postgresql: $(VENV)/.dev ## the tests of jobs and pages in one process, over a PostgreSQL server of their own
	@tests/install_programs
	@$(BIN)/python -m tests.on_postgresql $(ARGS)

lint: $(VENV)/.dev ## ruff, mypy, import rules, migrations, OpenAPI document
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy reportserver jobs reports audit accounts common
	$(BIN)/lint-imports
	$(BIN)/python -m tests.check_project

bench: $(VENV)/.dev ## the benchmarks, side by side in one run; results go to docs/benchmarks.md
	@$(BIN)/python -m bench

lock: ## pin every package again, with hashes (needs uv)
	uv pip compile --generate-hashes --python-version 3.11 requirements.in -o requirements.txt
	uv pip compile --generate-hashes --python-version 3.11 -c requirements.txt requirements-dev.in -o requirements-dev.txt

clean: ## remove the environment and the data folder
	rm -rf $(VENV) var

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version) if sys.version_info < (3, 11) else 0'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python requirements.txt
	@echo "Installing packages (once) …"
	@$(INSTALL) requirements.txt || $(INSTALL) requirements.txt # a download that was cut off has the wrong hash
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	@echo "Installing packages for tests (once) …"
	@$(INSTALL) requirements-dev.txt || $(INSTALL) requirements-dev.txt # a download that was cut off has the wrong hash
	@touch $@
