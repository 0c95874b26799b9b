# `make` lists what there is to do. Everything lives in .venv and .lane; nothing outside this folder is touched.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ENGINE := $(VENV)/.engine
PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.13 python3,$(shell \
	$(p) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $(p))))
APART := tests/system/test_mutations.py tests/certificate tests/broker/test_lanes.py tests/delivery/test_simulation.py \
	tests/fuzz
FAST := not system and not slow and not kafka and not real and not browser and not cdc

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## the virtual environment, with exactly the locked versions

$(READY): pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; on Debian: apt-get install python3"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "this Python cannot make virtual environments; on Debian: apt-get install python3-venv"; exit 2; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(ENGINE): $(READY) deploy/cdc.lock
	$(BIN)/pip install --quiet --disable-pip-version-check -r deploy/cdc.lock
	@touch $@

.PHONY: demo
demo: setup ## a simulated shop hour through the whole product, in about a minute (KEEP=1 stays up afterwards)
	$(BIN)/shoprelay demo $(if $(KEEP),--keep)

.PHONY: test
test: setup ## all tests that need nothing but Python; with SHOPRELAY_REAL_DATA=folder those on recorded data, too
	$(BIN)/pytest -q -n 2 -m "$(FAST)"
	$(BIN)/pytest -m "(system or real) and not kafka and not slow and not browser"

.PHONY: lint
lint: setup ## format, lint, types and rooms
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: check
check: lint ## the same, and the fast tests; under two minutes
	$(BIN)/pytest -q -n 2 -m "$(FAST) and not thorough"

.PHONY: certify
certify: setup ## what docs/specs/sink.md asks of a sink, tried on SINK=klaviyo, or on all of them
	$(BIN)/shoprelay certify $(SINK)

.PHONY: new-sink
new-sink: setup ## an empty form of a platform's folder: NAME=acme; docs/add-a-sink.md leads through it
	@test -n "$(NAME)" || { echo "which? make new-sink NAME=acme"; exit 2; }
	$(BIN)/shoprelay new-sink $(NAME)

.PHONY: bench
bench: setup ## how fast it is; results are appended to bench/results
	$(BIN)/python -m bench

.PHONY: kafka
kafka: ## start a real Kafka on 127.0.0.1:19092, from Maven's jars, without containers
	@deploy/kafka/kafka.sh up
	@echo "export SHOPRELAY_KAFKA=127.0.0.1:$${KAFKA_PORT:-19092}"

.PHONY: kafka-down
kafka-down: ## stop it; its data stays
	@deploy/kafka/kafka.sh down

.PHONY: test-kafka
test-kafka: setup ## the system and Kafka tests on a real Kafka of their own
	deploy/kafka/kafka.sh with $(BIN)/pytest -m "(system or kafka) and not slow"

.PHONY: cdc
cdc: ## real PostgreSQL, MariaDB, Debezium, registry and Kafka on loopback; on Debian: apt-get install postgresql-15 mariadb-server
	@deploy/cdc/cdc.sh up

.PHONY: cdc-down
cdc-down: ## stop them; their data stays
	@deploy/cdc/cdc.sh down

.PHONY: test-cdc
test-cdc: $(ENGINE) ## change data capture, from databases of its own
	deploy/cdc/cdc.sh with $(BIN)/pytest -m cdc

.PHONY: test-browser
test-browser: setup ## the pixel in a real chromium; on Debian: apt-get install chromium
	$(BIN)/pytest -m browser

.PHONY: test-slow
test-slow: setup ## the long trials, on both brokers
	$(BIN)/pytest -q -n 2 -m "slow and not kafka" $(APART)
	$(BIN)/pytest -m "slow and not kafka" $(APART:%=--ignore=%)
	deploy/kafka/kafka.sh with $(BIN)/pytest -m "slow and (system or kafka)"

.PHONY: lock
lock: ## requirements.lock anew from pyproject.toml; UPGRADE=1 takes newer versions too
	deploy/lock.sh $(PYTHON) $(if $(UPGRADE),--upgrade)

.PHONY: clean
clean: ## remove everything that make made
	@[ ! -d .lane ] || { deploy/kafka/kafka.sh clean; deploy/cdc/cdc.sh clean; }
	rm -rf .venv .lane .fuzz .shoprelay .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
