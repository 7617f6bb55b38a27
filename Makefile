# Every task of the project. `make` alone lists them.
#
# Environment: FAULTLINE_LANDING, FAULTLINE_IMAGES (own data instead of the demo plant), FAULTLINE_DUCKDB_PATH.
# Variables:   DEMO_DAYS, DEMO_SIZE, DEMO_SEED (the demo plant), DBT_ARGS (added to dbt build), PYTHON, UPGRADE (lock).

.DEFAULT_GOAL := help
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
DBT := $(BIN)/dbt
PROFILE := --profiles-dir profiles
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes

export PRE_COMMIT_HOME ?= $(CURDIR)/$(VENV)/pre-commit

.NOTPARALLEL:
.PHONY: help setup demo build test lint format parse pytest unit docs bench lakehouse-compile lock hooks clean FORCE

help:  ## list the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- the environment: rebuilt when a lock file changes -----------------------------------------------------------------

setup: $(VENV)/.main  ## create .venv from the lock file (no-op when it is up to date)

$(VENV)/.main: requirements/main.txt
	@python=$$(PYTHON="$(PYTHON)" sh scripts/preflight.sh) \
		&& echo "Setting up $(VENV) with $$python (about a minute)" \
		&& "$$python" -m venv --clear $(VENV)
	@$(PIP_INSTALL) -r requirements/main.txt
	@touch $@

$(VENV)/.lakehouse: requirements/lakehouse.txt $(VENV)/.main
	@echo "Adding the Lakehouse adapter"
	@$(PIP_INSTALL) -r requirements/lakehouse.txt
	@touch $@

$(VENV)/.test: requirements/test.txt $(VENV)/.lakehouse
	@echo "Adding what only the tests need"
	@$(PIP_INSTALL) -r requirements/test.txt
	@touch $@

lock: $(VENV)/.main  ## rewrite the lock files from requirements/*.in (UPGRADE=1 takes newer versions)
	@$(BIN)/python -m venv --clear $(VENV)/uv && $(VENV)/uv/bin/python -m pip install -qq --disable-pip-version-check uv==0.13.9
	@cd requirements && for group in main lakehouse test; do \
		../$(VENV)/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--no-strip-extras --no-emit-index-url --custom-compile-command "make lock" \
			$(if $(UPGRADE),--upgrade) $$group.in --output-file $$group.txt || exit 1; \
	done

hooks: $(VENV)/.main  ## install the commit hooks
	@$(BIN)/pre-commit install

# --- the main job ------------------------------------------------------------------------------------------------------

SIMULATOR := $(wildcard scripts/faultline/simulator/*.py scripts/faultline/simulator/*/*.py)
DEMO_OPTIONS := $(strip $(if $(DEMO_DAYS),--days $(DEMO_DAYS)) $(if $(DEMO_SIZE),--size $(DEMO_SIZE)) \
	$(if $(DEMO_SEED),--seed $(DEMO_SEED)))

demo: demo_plant/.options  ## simulate the demo plant (DEMO_DAYS, DEMO_SIZE, DEMO_SEED)

# The file holds the options of the last run; other options, or a changed simulator, make a new plant.
demo_plant/.options: $(SIMULATOR) $(shell [ "$$(cat demo_plant/.options 2>/dev/null)" = "$(DEMO_OPTIONS)" ] || echo FORCE) | $(VENV)/.main
	@$(BIN)/python scripts/faultline simulate --out demo_plant $(DEMO_OPTIONS)
	@echo "$(DEMO_OPTIONS)" > $@

build: $(VENV)/.main $(if $(FAULTLINE_LANDING),,demo)  ## the main job: demo plant, dbt build on DuckDB, where to look next
	@$(DBT) build $(PROFILE) $(DBT_ARGS)
	@$(BIN)/python scripts/faultline summary

docs: $(VENV)/.main  ## one HTML file that documents every model and column (builds first if nothing is built)
	@$(BIN)/python scripts/faultline summary >/dev/null 2>&1 || $(MAKE) build
	@$(DBT) --quiet docs generate $(PROFILE) --static
	@echo "Open $(CURDIR)/target/static_index.html"

# --- the gate ----------------------------------------------------------------------------------------------------------

test: lint parse pytest  ## pass every test: lint, parse with warnings as errors, pytest

# Models are compiled for the linter against nothing: no landing, an empty database in memory.
LINT_ENV := FAULTLINE_LANDING=/nonexistent FAULTLINE_DUCKDB_PATH=:memory: DBT_TARGET_PATH=target/lint \
	PYTHONWARNINGS=ignore::UserWarning:multiprocessing.resource_tracker
SQL := $(wildcard models tests analyses)
PYTHON_FILES := benchmarks scripts tests

lint: $(VENV)/.main  ## ruff, sqlfluff, yamllint and the small checks of the commit hooks
	@$(BIN)/ruff check --quiet --output-format concise $(PYTHON_FILES)
	@$(BIN)/ruff format --quiet --check --output-format concise $(PYTHON_FILES)
	@$(BIN)/yamllint --strict .
	@! git rev-parse --git-dir >/dev/null 2>&1 || $(BIN)/pre-commit run --all-files --hook-stage manual
	@$(LINT_ENV) $(BIN)/sqlfluff lint --disable-progress-bar --processes 0 $(SQL)

format: $(VENV)/.main  ## let ruff and sqlfluff repair what they can; `make lint` shows what is left
	@$(BIN)/ruff check --quiet --fix-only $(PYTHON_FILES)
	@$(BIN)/ruff format --quiet $(PYTHON_FILES)
	@$(LINT_ENV) $(BIN)/sqlfluff fix --quiet --disable-progress-bar $(SQL) || echo "sqlfluff leaves the rest to you"

parse: $(VENV)/.main  ## parse the whole project; any warning is an error
	@$(DBT) --quiet parse $(PROFILE) --no-partial-parse

unit: $(VENV)/.main  ## dbt unit tests only, on empty tables
	@rm -rf target/unit && mkdir -p target/unit
	@export FAULTLINE_DUCKDB_PATH=target/unit/faultline.duckdb FAULTLINE_LANDING=/nonexistent; \
		$(DBT) --quiet seed $(PROFILE) --target-path target/unit \
		&& $(DBT) --quiet run $(PROFILE) --target-path target/unit --empty \
		&& $(DBT) test $(PROFILE) --target-path target/unit --select test_type:unit

# Two processes side by side; the tests of the endpoint, which look at the clock, after them.
pytest: $(VENV)/.test  ## the Python tests; they build the project in folders of their own
	@$(BIN)/python -m pytest tests/lakehouse tests/python/spc & other=$$!; \
		$(BIN)/python -m pytest tests/python --ignore tests/python/spc --ignore tests/python/endpoint; code=$$?; \
		wait $$other && exit $$code
	@$(BIN)/python -m pytest tests/python/endpoint

BENCHMARKS := benchmarks/endpoint.py benchmarks/spc_bench.py

bench: $(VENV)/.test  ## measure speed, as ratios within one run (minutes; peers are installed on demand)
	@for script in $(BENCHMARKS); do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

# Nothing is contacted: the values only have to be there.
LAKEHOUSE_ENV := CZ_SERVICE=none CZ_INSTANCE=none CZ_WORKSPACE=none CZ_USER=none DBT_ENV_SECRET_CZ_PASSWORD=none

lakehouse-compile: $(VENV)/.lakehouse  ## the SQL for Lakehouse, without a connection, into target/lakehouse
	@$(LAKEHOUSE_ENV) $(DBT) --no-populate-cache compile $(PROFILE) --target lakehouse --no-introspect \
		--target-path target/lakehouse

clean:  ## remove everything that was built; .venv stays
	@rm -rf target logs demo_plant .pytest_cache .ruff_cache
	@find scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +
