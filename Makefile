# make demo · make test · make chaos · make bench · make bench-drift · make lock
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
JOBS ?= 2

# Most of an integration test is waiting, so folders run beside each other: the longest go first.
FOLDERS := $(patsubst %/,%,$(sort $(dir $(wildcard tests/integration/*/test_*.py))))
LONGEST := $(wildcard $(addprefix tests/integration/,cli chaos sinks processors producers auditor))
INTEGRATION := $(LONGEST) $(filter-out $(LONGEST),$(FOLDERS))
BESIDE := --no-print-directory --jobs=$(JOBS) --output-sync=target

.PHONY: help demo test lint unit integration $(FOLDERS) chaos bench bench-drift lock clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.runtime ## Run the whole system on real data and verify the evidence
	$(BIN)/auditspine demo

test: $(VENV)/.dev ## Everything that CI checks, JOBS=2 at a time: each is shown when it is over
	@$(MAKE) $(BESIDE) $(firstword $(INTEGRATION)) lint unit $(wordlist 2,99,$(INTEGRATION))

lint: $(VENV)/.dev ## Style, types and the import contract
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m auditspine.schemas.generate --check
	$(BIN)/python -m auditspine.schemas.compatibility

unit: $(VENV)/.dev ## Unit and property tests
	$(BIN)/python -m pytest tests/unit

integration: $(VENV)/.dev ## Tests on the real Kafka, ClickHouse engine and Faust workers
	@$(MAKE) $(BESIDE) $(INTEGRATION)

$(FOLDERS): $(VENV)/.dev
	$(BIN)/python -m pytest $@

chaos: $(VENV)/.dev ## Kill parts at seeded random points while events flow (ROUNDS=60, SEED=1)
	$(BIN)/python -m tests.chaos --rounds $(or $(ROUNDS),60) --seed $(or $(SEED),1)

bench: $(VENV)/.dev ## Ratios against the plain way, measured in one run (docs/benchmarks.md)
	$(BIN)/python -m bench

bench-drift: $(VENV)/.dev ## False alarms and delays of the shift detector, beside others (docs/drift-benchmark.md)
	$(BIN)/python -m bench.drift

lock: ## Resolve the dependencies again (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	  --extra demo --group build pyproject.toml -o requirements/runtime.txt
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	  --extra demo --extra registry --group dev -c requirements/runtime.txt pyproject.toml -o requirements/dev.txt

clean: ## Remove the virtual environment and every cache
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes -r requirements/runtime.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@
