# Ecorse: every command a person needs. `make help` lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SOURCE ?= simulate
DATA   ?=
ONCE   ?=

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

lock: ## resolve pyproject.toml into the two lock files (needs uv)
	uv pip compile --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
	  --extra build pyproject.toml -o requirements.lock
	uv pip compile --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
	  --extra build --extra dev --extra bench -c requirements.lock pyproject.toml -o requirements-dev.lock

.PHONY: help lock
