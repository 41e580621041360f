# Verbs of a developer. Everything runs inside .venv, which `make setup` builds from the lock file.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVE_READY := $(VENV)/.spanbook-serve
READY := $(VENV)/.spanbook-ready
COLLECTOR_TESTS := tests/collector tests/system
UV_INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python

.PHONY: setup serve test test-collector test-others check style types bench soak old docs lock browser

setup: $(READY)

# What running it needs, which is a third of what developing it needs
$(SERVE_READY): pyproject.toml requirements-serve.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.8"
	$(UV_INSTALL) --compile-bytecode --requirement requirements-serve.lock
	$(UV_INSTALL) --no-deps --editable .
	touch $(SERVE_READY)

$(READY): $(SERVE_READY) requirements.lock
	$(UV_INSTALL) --compile-bytecode --requirement requirements.lock
	touch $(READY)

# The collector, the embedded ClickHouse and the web page, on loopback, data in ./spanbook-data
serve: $(SERVE_READY)
	$(BIN)/spanbook serve

# Both halves of the tests side by side, since they wait a lot, and the types beside them; each speaks when it ends
test: setup browser style
	@echo "the tests run for some ten minutes, and say nothing until a half of them has ended"
	@$(MAKE) --no-print-directory --keep-going --jobs 3 --output-sync=target test-collector test-others types

test-collector: setup
	$(BIN)/pytest $(COLLECTOR_TESTS)

test-others: setup
	$(BIN)/pytest $(addprefix --ignore=,$(COLLECTOR_TESTS))

# The faults of `make test` in full: hundreds of kills, tens of power cuts, outages of minutes (hours; as root)
soak: setup
	SPANBOOK_SOAK=1 $(BIN)/pytest tests/system tests/collector -k "kill or power_cut or outage or hangs or full_disk or queue"

# SDKs as they were a year ago, and frameworks that trace themselves, in environments beside .venv (minutes)
old: setup
	SPANBOOK_ENVS=1 $(BIN)/pytest tests/scenarios/test_other_environments.py

# The web page's tests drive Debian's Chromium; where it is not and cannot be installed, they are skipped
browser:
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && apt-get update -qq && \
		apt-get install --yes -qq chromium >/dev/null; } || echo "no chromium: the web page is not tested"

check: style types

style: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy
	$(BIN)/pyright

# What the documentation takes from the code: settings, views, columns
docs: setup
	$(BIN)/python docs/generate.py

# Figures of benchmarks/README.md, in three quarters of an hour; the peers are downloaded the first time
bench: setup
	$(BIN)/python benchmarks/throughput.py --trials 2
	$(BIN)/python benchmarks/floor.py
	$(BIN)/python benchmarks/latency.py
	$(BIN)/python benchmarks/overload.py
	$(BIN)/python benchmarks/queries.py
	$(BIN)/python benchmarks/peers.py

# Versions that development and CI use, and those of them that `make serve` needs; after changing pyproject.toml
LOCK := $(BIN)/uv pip compile --quiet --no-header --no-emit-index-url --no-annotate --python-version 3.11 \
	--all-extras pyproject.toml
lock:
	$(LOCK) --group dev --output-file requirements.lock --upgrade
	$(LOCK) --constraint requirements.lock --output-file requirements-serve.lock
