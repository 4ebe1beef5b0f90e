# `make run` and `make test` work on a fresh clone with Python 3.11 alone; with Node, Yjs clients are tested too, and with
# Chromium the workspace. Building that, and checking what was built, needs Node.
# `make help` lists the rest.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
EDITORS := tests/node/node_modules
SDK := frontend/sdk
WORKSPACE := frontend/workspace
BUILT := collaboration/static/workspace
export HOST PORT

.DEFAULT_GOAL := help
.PHONY: help run test test-long check check-web format docs web bench clean

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/.runtime: requirements.txt
	@echo "Installing the server (once, about a minute) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.development: requirements.txt requirements-dev.txt
	@echo "Installing the server and what its tests need (once, about two minutes) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/.runtime

$(EDITORS)/.installed: tests/node/package-lock.json
	@echo "Installing Yjs clients for the tests (once, a few seconds) …"
	@npm ci --prefix tests/node --no-audit --no-fund --silent && touch $@ || \
		echo "That needs npm, and failed: tests with Yjs clients cannot run."

%/node_modules/.installed: %/package-lock.json
	@echo "Installing what $* is built with (once, half a minute) …"
	@npm ci --prefix $* --no-audit --no-fund --silent && touch $@ || echo "That needs npm, and failed."

run: $(VENV)/.runtime ## Serve on HOST and PORT (127.0.0.1:8000), with a demo project the first time.
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py seed
	@$(BIN)/python manage.py serve

test: $(VENV)/.development $(EDITORS)/.installed $(SDK)/node_modules/.installed ## Run every test but the long ones, on SQLite and on PostgreSQL.
	@$(BIN)/python -m tests.run

test-long: $(VENV)/.development $(EDITORS)/.installed $(SDK)/node_modules/.installed ## Run the long fault and load tests too.
	@$(BIN)/python -m tests.run --long

check: $(VENV)/.development ## Lint, types, import rules, Django's checks, generated documents.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	BDUF_PRODUCTION=true SECRET_KEY=$$($(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(64))') \
		$(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py asyncapi --check
	$(BIN)/python manage.py openapi --check
	$(BIN)/python manage.py configuration --check

web: $(SDK)/node_modules/.installed $(WORKSPACE)/node_modules/.installed ## Build the workspace into the server's static files.
	npm run --silent --prefix $(SDK) wire
	npm run --silent --prefix $(WORKSPACE) build

check-web: $(SDK)/node_modules/.installed $(WORKSPACE)/node_modules/.installed ## Types and tests of the SDK and the workspace; whether the built one is up to date.
	npm run --silent --prefix $(SDK) wire:check
	npm run --silent --prefix $(SDK) types
	npm run --silent --prefix $(SDK) test
	npm run --silent --prefix $(WORKSPACE) types
	npm run --silent --prefix $(WORKSPACE) build -- --outDir $(CURDIR)/var/workspace --logLevel error && \
		diff -r $(CURDIR)/var/workspace $(BUILT) > /dev/null || { echo "The built workspace is old: make web"; exit 1; }

format: $(VENV)/.development ## Format the code.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.development ## Write the generated documents.
	$(BIN)/python manage.py asyncapi
	$(BIN)/python manage.py openapi
	$(BIN)/python manage.py configuration

bench: $(VENV)/.development ## Measure; see benchmarks/ and docs/benchmarks.md.
	$(BIN)/python -m benchmarks.scenarios

clean: ## Remove the virtual environment and the demo's data.
	rm -rf $(VENV) $(EDITORS) var staticfiles
