PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CONSTRAINTS := constraints.txt
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint $(CONSTRAINTS)
# On all cores, which pip does not. Without it each of the processes that the tests start would
# compile what it imports where PYTHONDONTWRITEBYTECODE is set.
COMPILE := $(BIN)/python -m compileall -q -j 0
# Where tests keep their files: in memory if there is room, as they make many small databases. What
# a kill leaves behind is the same there; that commits are synced is asked of the database itself.
SCRATCH := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 8000000 { print "/dev/shm" }')
# Three processes on two cores: many tests wait for other processes.
TEST    := $(if $(SCRATCH),TMPDIR=$(SCRATCH)) $(BIN)/python -m pytest -n 3

.PHONY: demo test quick quick-3.12 quick-3.13 oldest lint format chaos taipy taipy-values bench \
        bench-peers vendor clean

demo: $(VENV)/.demo  ## serve the example on port 5000
	$(BIN)/scenarist demo

test: lint  ## everything: lint, types, import contracts, all tests
	$(COMPILE) src
	$(TEST)

quick: $(VENV)/.test  ## the part for every change
	$(BIN)/ruff check
	$(TEST) -m "not e2e" -q

quick-3.12 quick-3.13: quick-%:  ## the same on another Python
	@if python$* --version > /dev/null 2>&1; \
	then $(MAKE) quick PYTHON=python$* VENV=.venv-$*; \
	else echo "skipped: there is no python$*"; fi

OLDEST := .venv-oldest
oldest: $(OLDEST)/constraints.txt  ## the same with the oldest libraries that pyproject.toml admits
	$(MAKE) quick VENV=$(OLDEST) CONSTRAINTS=$<

lint: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.test
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

CHAOS_SEED ?= 1
CHAOS_SECONDS ?= 60
chaos: $(VENV)/.test  ## kills, stops and cuts under random clients, on both databases
	for database in sqlite postgresql; do PYTHONPATH=tests $(BIN)/python -m chaos \
	  --database $$database --seed $(CHAOS_SEED) --seconds $(CHAOS_SECONDS) || exit 1; done

TAIPY := .venv-taipy
taipy: $(TAIPY)/.installed  ## Taipy, with which some tests compare; they are skipped without it

taipy-values: $(TAIPY)/.installed  ## record what Taipy makes of the applications in tests/taipy_apps
	$(TAIPY)/bin/python tests/taipy_apps/run_on_taipy.py \
	  | $(PYTHON) -m json.tool --indent 1 > tests/taipy_apps/values.json

bench: $(VENV)/.bench  ## measure this machine; writes bench/results.md
	$(BIN)/python -m bench

bench-peers: $(VENV)/.bench  ## the same work on Taipy and DBOS; writes bench/peers.md
	$(BIN)/python -m bench.peers

vendor: $(VENV)/.test  ## fetch the modules of others that the console carries; needs npm
	$(BIN)/python -m scenarist.console.vendoring

$(OLDEST)/constraints.txt: pyproject.toml constraints.txt tests/oldest_versions.py
	mkdir -p $(OLDEST)
	$(PYTHON) tests/oldest_versions.py > $@

$(VENV)/.demo: pyproject.toml $(CONSTRAINTS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable '.[tabular]'
	-$(COMPILE) $(VENV)/lib
	touch $@

$(VENV)/.test: pyproject.toml $(CONSTRAINTS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable '.[test]'
	-$(COMPILE) $(VENV)/lib
	touch $@

$(TAIPY)/.installed:
	$(PYTHON) -m venv $(TAIPY)
	$(TAIPY)/bin/python -m pip install --quiet --disable-pip-version-check taipy-core==4.1.1
	touch $@

$(VENV)/.bench: pyproject.toml $(CONSTRAINTS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable '.[bench]'
	-$(COMPILE) $(VENV)/lib
	touch $@

clean:
	rm -rf $(VENV) .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
