# Ecorse: every command a person needs. `make help` lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

# make run: where the files come from, and how long it stays up
ORIGIN ?= simulate
DATA   ?=
ONCE   ?=

# make test: PROCESSES (2) of pytest, each with a Postgres of its own. A file's tests stay in one of them, so that
# what they share is made once; files are taken in the order of their names.
PROCESSES ?= 2
SHARED_OUT = -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'
	@echo "  make run ORIGIN=simulate|folder|kaggle|http|... [DATA=what it reads] [ONCE=1]"

ifneq ($(origin SOURCE),undefined)
run:
	@echo "SOURCE is how a file is read. ORIGIN says where files come from: make run ORIGIN=$(SOURCE)" >&2
	@exit 2
else
run: $(VENV)/run.stamp ## start Postgres and Airflow, run a night, stay until Ctrl-C (ONCE=1: stop after it)
	@exec $(BIN)/ecorse up --origin $(ORIGIN) $(if $(DATA),--data "$(DATA)") $(if $(ONCE),--once)
endif

test: $(VENV)/dev.stamp ## run the tests that fit into a coffee break
	$(BIN)/pytest -m "not slow and not night" $(SHARED_OUT)

test-nights: $(VENV)/dev.stamp ## run the tests that make whole nights: flow, DAGs, models, reports
	$(BIN)/pytest -m "night and not slow" $(SHARED_OUT)

test-all: $(VENV)/dev.stamp ## run every test, the long ones too
	$(BIN)/pytest $(SHARED_OUT)

lint: $(VENV)/dev.stamp ## ruff, mypy, the order of imports, sqlfluff, the compose file and the Dockerfile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint include/sql --disable-progress-bar
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yaml
	$(BIN)/hadolint Dockerfile

bench: $(VENV)/dev.stamp ## measure against peers in one run; ends with one line per comparison
	$(BIN)/python -m benchmarks

dictionary: $(VENV)/dev.stamp ## write docs/data-dictionary.md from the marts
	$(BIN)/python -m ecorse.reports.dictionary

lock: ## resolve pyproject.toml into the two lock files (needs uv)
	uv pip compile --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
	  --extra build pyproject.toml -o requirements.lock
	uv pip compile --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
	  --extra build --extra dev --extra bench -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## remove the environment (var/, with the database, stays)
	rm -rf $(VENV)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Ecorse needs Python 3.11 or later; $(PYTHON) is older. Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing the environment (about a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/run.stamp
	@echo "Installing the tools for tests (about half a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

.PHONY: help run test test-nights test-all lint bench dictionary lock clean
