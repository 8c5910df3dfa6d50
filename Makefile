# Everything starts from a bare checkout and Python 3.11 or later: each target sets up what it needs, once.
#
#   PYTHON=python3.12        the interpreter to use
#   MTF_PURE=1               no compiled modules
#   MTF_REQUIRE_COMPILED=1   a build that cannot compile is an error (always so in `make test`)
#   MTF_TEST_DATA=DIR        market data of vendors that some tests read; they skip without it

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-builtin-rules
unexport PYTHONPATH PYTHONHOME

VENV := .venv
BIN := $(VENV)/bin
PURE := $(CURDIR)/build/pure
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# One more than processors: many tests wait for a process of their own.
JOBS ?= $(shell echo $$(($$(nproc 2>/dev/null || echo 2) + 1)))

# Nothing is imported from the working directory: the build under test is the one that is installed.
PYTEST := PYTHONSAFEPATH=1 $(BIN)/python -m pytest -n $(JOBS)
PYTEST_COMPILED := MTF_EXPECT=compiled $(PYTEST)
PYTEST_PURE := MTF_EXPECT=pure PYTHONPATH="$(PURE)" $(PYTEST)

.PHONY: help setup hooks build build-pure run test lint types test-compiled test-pure test-slow test-web test-cluster cov docs docs-links bench instructions soak notices dist clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/python:
	@scripts/bootstrap.sh $(VENV)

$(VENV)/run.stamp: pyproject.toml scripts/requirements.py | $(BIN)/python
	@echo "mtf: installing what mtf needs to build and run ..."
	@$(BIN)/python scripts/requirements.py build run web > $(VENV)/requirements.txt
	@$(PIP_INSTALL) -r $(VENV)/requirements.txt
	@touch $@

$(VENV)/dev.stamp: pyproject.toml $(VENV)/run.stamp
	@echo "mtf: installing what the tests need ..."
	@$(BIN)/python scripts/requirements.py build run web exchanges test dev > $(VENV)/requirements.txt
	@$(PIP_INSTALL) -r $(VENV)/requirements.txt
	@touch $@

setup: $(VENV)/dev.stamp build ## the environment for development, in .venv

hooks: $(VENV)/dev.stamp ## have git run lint and types before each commit (pre-commit)
	$(BIN)/pre-commit install

build: $(VENV)/run.stamp ## build, compiled if possible, and install into .venv, if anything has changed
	@$(BIN)/python scripts/install.py

build-pure: $(VENV)/run.stamp ## the same without compiled modules, into build/pure
	@$(BIN)/python scripts/install.py --pure "$(PURE)"

run: build ## the pipeline on FILE=... (or on a synthetic market), kept in run/; more arguments through ARGS=...
	@$(BIN)/mtf run $(if $(FILE),"$(FILE)",synthetic) --data run --make-room --indicators sma:20,rsi:14 $(ARGS)

test: lint types $(if $(filter-out 0,$(MTF_PURE)),,test-compiled) test-pure ## lint, types, the suite compiled and pure

lint: $(VENV)/dev.stamp ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev.stamp ## mypy, strict
	$(BIN)/mypy

test-compiled: export MTF_REQUIRE_COMPILED ?= 1
test-compiled: $(VENV)/dev.stamp build ## the suite on the compiled build (ARGS=... go to pytest)
	$(PYTEST_COMPILED) $(ARGS)

test-pure: $(VENV)/dev.stamp build-pure ## the suite on the pure build (ARGS=... go to pytest)
	$(PYTEST_PURE) $(ARGS)

test-slow: export MTF_REQUIRE_COMPILED ?= 1
test-slow: $(VENV)/dev.stamp build ## the tests that take long, compiled
	$(PYTEST_COMPILED) -m slow -o faulthandler_timeout=3600 $(ARGS)

$(VENV)/web.stamp: pyproject.toml scripts/browser.sh $(VENV)/dev.stamp
	@echo "mtf: installing what the tests of the page need ..."
	@$(BIN)/python scripts/requirements.py browser > $(VENV)/requirements.txt
	@$(PIP_INSTALL) -r $(VENV)/requirements.txt
	@scripts/browser.sh
	@touch $@

test-web: export MTF_REQUIRE_COMPILED ?= 1
test-web: $(VENV)/web.stamp build ## the tests of the page in a real browser, which is installed if it is missing
	MTF_EXPECT=compiled PYTHONSAFEPATH=1 $(BIN)/python -m pytest -m browser tests/web $(ARGS)

# Without a NATS server for this platform the tests are skipped, and a line says so.
test-cluster: export MTF_REQUIRE_COMPILED ?= 1
test-cluster: $(VENV)/dev.stamp build ## the tests of clusters against a real NATS server; ROUNDS=50 kills in more rounds
	@if scripts/cluster.sh $(VENV); then \
		MTF_CLUSTER_ROUNDS=$(or $(ROUNDS),3) MTF_EXPECT=compiled PYTHONSAFEPATH=1 $(BIN)/python -m pytest \
			-m cluster -o faulthandler_timeout=1200 tests/cluster tests/log tests/storage $(ARGS); \
	fi

cov: $(VENV)/dev.stamp build-pure ## which lines and branches of the pure build the suite reaches; pages in build/coverage
	$(PYTEST_PURE) -p no:mtf.testing.pytest_plugin --cov --cov-report=html --cov-report=term:skip-covered $(ARGS)

$(VENV)/docs.stamp: pyproject.toml $(VENV)/run.stamp
	@echo "mtf: installing what the documentation needs ..."
	@$(BIN)/python scripts/requirements.py docs > $(VENV)/requirements.txt
	@$(PIP_INSTALL) -r $(VENV)/requirements.txt
	@touch $@

# Warnings are errors, and every reference must be found: a link that leads nowhere ends the build.
SPHINX := PYTHONSAFEPATH=1 PYTHONPATH="$(PURE)" $(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --nitpicky \
	-c docs -d build/docs/doctrees

docs: $(VENV)/docs.stamp build-pure ## the documentation as a site in build/docs/html; warnings and dead links are errors
	$(SPHINX) -b html . build/docs/html
	@echo "mtf: open build/docs/html/index.html"

docs-links: $(VENV)/docs.stamp build-pure ## whether the other sites that the documentation links to answer
	$(SPHINX) -b linkcheck . build/docs/links

bench: export MTF_REQUIRE_COMPILED ?= 1
bench: $(VENV)/dev.stamp build ## the figures of docs/performance.md
	@$(BIN)/python scripts/bench.py $(ARGS)

instructions: export MTF_REQUIRE_COMPILED ?= 1
instructions: $(VENV)/dev.stamp build ## instructions a tick on the hot path, against those written down, by valgrind (ARGS=write: write them)
	@$(BIN)/python scripts/instructions.py $(ARGS)

soak: $(VENV)/dev.stamp build ## half an hour of a service that is killed each minute, beside an exchange that misbehaves
	$(BIN)/python scripts/soak_feeds.py --resend $(ARGS)
	$(BIN)/python scripts/soak_feeds.py $(ARGS)

notices: $(VENV)/dev.stamp ## write THIRD_PARTY_NOTICES.md from what is installed
	@mkdir -p build
	@$(BIN)/python scripts/notices.py > build/notices
	@mv build/notices THIRD_PARTY_NOTICES.md

dist: $(VENV)/dev.stamp ## sdist, compiled wheel and pure wheel in dist/, each tried in a fresh environment
	@$(BIN)/python scripts/dist.py

clean: ## remove everything that was built or installed here
	rm -rf $(VENV) build dist *.egg-info .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find mtf tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
