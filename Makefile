# Verbs of a developer. Everything runs inside .venv, which `make setup` builds from the lock file.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.spanbook-ready

.PHONY: setup serve test check bench soak docs lock

setup: $(STAMP)

$(STAMP): pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.8"
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --requirement requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $(STAMP)

# The collector, the embedded ClickHouse and the web page, on loopback, data in ./spanbook-data
serve: setup
	$(BIN)/spanbook serve

test: setup check
	$(BIN)/pytest

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright

# What the documentation takes from the code: settings, views, columns
docs: setup
	$(BIN)/python docs/generate.py

# Versions that development and CI use; run after changing dependencies in pyproject.toml
lock:
	$(BIN)/uv pip compile --quiet --no-header --no-emit-index-url --no-annotate --python-version 3.11 \
		--all-extras --group dev pyproject.toml --output-file requirements.lock --upgrade
