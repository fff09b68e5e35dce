# What developers do with this project. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
COVERAGE ?= 1
VENV := .venv
BIN := $(VENV)/bin
# If it is set, every process that a server or test starts compiles the whole program again.
unexport PYTHONDONTWRITEBYTECODE
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement

.PHONY: help run test chaos fidelity postgresql lint messages bench lock clean

help: ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(VENV)/.run ## run the server with its demo; Ctrl-C stops it
	@$(BIN)/python manage.py prepare
	@exec $(BIN)/python manage.py serve

# `make test COVERAGE=` doesn't measure, `make test ARGS='tests/jobs -k lease'` runs some tests.
test: $(VENV)/.dev ## run all tests, with real servers and browsers, and print the branch coverage
	@tests/install_programs
	@mkdir -p var/coverage && rm -f var/coverage/data*
	@$(BIN)/python $(if $(COVERAGE),-m coverage run) -m pytest --numprocesses 2 --dist loadfile $(ARGS)
ifneq ($(COVERAGE),)
	@$(BIN)/coverage combine --quiet 2>/dev/null || true # a process that was killed leaves half a file
	@set -o pipefail; echo "Branch coverage, the lowest files:"; \
	  $(BIN)/coverage report --skip-covered --sort=-cover $(if $(ARGS),--fail-under=0) | tail --lines 22
endif

chaos: $(VENV)/.dev ## run all fault tests and CHAOS_MINUTES (30) of random faults; prints a report
	@tests/install_programs long
	@$(BIN)/python -m pytest tests/faults tests/schedules/test_hosts.py tests/reportserver/web/test_author_load.py tests/object_store tests/deploy -s -m "chaos or not chaos" --timeout 0 $(ARGS)

fidelity: $(VENV)/.dev ## compare CASES (560) random tables of all sources and formats with two readers each
	@$(BIN)/python -W ignore -m tests.fidelity $(if $(CASES),--cases $(CASES)) $(if $(SEED),--seed $(SEED)) \
	  $(if $(ONLY),--only '$(ONLY)') $(if $(REPLAY),--replay $(REPLAY)) $(ARGS)
ifeq ($(ONLY)$(REPLAY),)
	@echo "Large files with values that deviate:"
	@LATE_FILES=10 $(if $(SEED),LATE_SEED=$(SEED)) $(BIN)/python -m pytest tests/reports/sources/files -q -k 'every_cell or no_guess'
endif

postgresql: $(VENV)/.dev ## run the tests that use the database over PostgreSQL
	@$(BIN)/python -m tests.on_postgresql $(ARGS)

lint: $(VENV)/.dev ## check style, types, layers, sizes, migrations and the OpenAPI document
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy reportserver schedules jobs reports audit accounts common client/reportserver_client
	$(BIN)/lint-imports
	cd client && PYTHONPATH=. ../$(BIN)/lint-imports
	$(BIN)/python -m tests.check_project

messages: $(VENV)/.dev ## bring the translations up to date with the code, and list what is left to translate
	@DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python -m tests.messages

bench: $(VENV)/.dev ## run the benchmarks; docs/benchmarks.md holds their results
	@$(BIN)/python -m bench

lock: ## pin all packages again, with hashes (needs uv)
	uv pip compile --generate-hashes --python-version 3.11 requirements.in -o requirements.txt
	uv pip compile --generate-hashes --python-version 3.11 -c requirements.txt requirements-dev.in -o requirements-dev.txt

clean: ## remove the virtual environment and the data folder
	rm -rf $(VENV) var

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version) if sys.version_info < (3, 11) else 0'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python requirements.txt
	@echo "Installing packages (once) …"
	@$(INSTALL) requirements.txt || $(INSTALL) requirements.txt # an interrupted download has a wrong hash
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	@echo "Installing packages for tests (once) …"
	@$(INSTALL) requirements-dev.txt || $(INSTALL) requirements-dev.txt # an interrupted download has a wrong hash
	@touch $@
