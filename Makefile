# Everything from one place; `make` alone lists it. It needs Python 3.11 or newer with pip, and make.
# It must never install anything outside .venv, nor anything that constraints/ does not pin by hash.

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin

# Releases younger than this are left alone by `make pins`: most bad ones are withdrawn within days.
COOLING ?= P3D

CORE := src/moot/transcript.py,src/moot/view.py,src/moot/forms/*,src/moot/convene.py

PIP := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check install --quiet
PIN := env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL -u PIP_CONSTRAINT PIP_CONFIG_FILE=/dev/null \
	$(BIN)/pip-compile --quiet --generate-hashes --no-allow-unsafe --unsafe-package moot --no-strip-extras \
	--no-annotate --no-header --no-emit-options --no-config --newline lf --upgrade --uploaded-prior-to $(COOLING)

.DELETE_ON_ERROR:
.PHONY: help talk test soak others check fix bench bench-large bench-peers pins clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

talk: .venv/.talk ## let two models that run on this machine meet (more: make talk ARGS='--help')
	@$(BIN)/moot talk $(ARGS)

test: check ## run the whole check: style, types, imports, tests, coverage
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=
	$(BIN)/coverage report --include='$(CORE)' --fail-under=100
	$(BIN)/coverage report --omit='$(CORE)' --fail-under=90

soak: .venv/.test ## run the drills far longer than `make test` does: faults of providers, power cuts, the simulation (2 hours)
	MOOT_TEST_SEEDS=200 $(BIN)/python -m pytest tests/test_faults.py $(ARGS)
	MOOT_TEST_FUZZ=100000 $(BIN)/python -m pytest tests/test_readers_of_logs.py $(ARGS)
	MOOT_TEST_CUTS=100000 $(BIN)/python -m pytest tests/test_power.py $(ARGS)
	MOOT_TEST_SEED=$$(date +%s) MOOT_TEST_SEEDS=100000 $(BIN)/python -m pytest tests/test_simulation.py $(ARGS)

others: .venv/.test .venv/others/.done ## see that other programs open what moot writes (Inspect, datasets, ConvoKit; 2 GB)
	MOOT_TEST_OTHERS=$(CURDIR)/.venv/others/bin/python $(BIN)/python -m pytest tests/test_opens_elsewhere.py $(ARGS)

check: .venv/.test ## style, types and imports only
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-logo --no-cache

fix: .venv/.test ## put style right where that can be done without thought
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: .venv/.test ## measure start, what models read, what caches can serve, dynamics, and CPU a turn (11 minutes)
	$(BIN)/python bench/start.py
	$(BIN)/python bench/reading.py
	$(BIN)/python bench/share.py
	$(BIN)/python bench/dynamics.py
	$(BIN)/python bench/store.py
	$(BIN)/python bench/appends.py
	$(BIN)/python bench/scale.py 1
	$(BIN)/python bench/overhead.py 2
	$(BIN)/python bench/page.py

bench-large: .venv/.test ## measure 5,000 conversations at once, 10,000 held open and a million turns (20 minutes)
	$(BIN)/python bench/scale.py large
	$(BIN)/python bench/million.py
	$(BIN)/python bench/page.py

bench-peers: .venv/.test ## measure moot beside other people's programs, each in an environment of its own (slow)
	$(BIN)/python bench/peers/run.py $(ARGS)

pins: .venv/.test ## choose all versions in constraints/ anew
	$(PIN) --extra local --output-file constraints/talk.txt pyproject.toml constraints/talk.in
	$(PIN) --extra local --extra openai --extra anthropic --extra postgres --extra measures --extra web --extra plots \
		--extra ray --extra mcp \
		--constraint constraints/talk.txt \
		--output-file constraints/test.txt pyproject.toml constraints/test.in

clean: ## remove .venv and everything else that can be made again
	rm -rf .venv .coverage .coverage.* .hypothesis .pytest_cache .ruff_cache build dist
	find src tests bench -name __pycache__ -prune -exec rm -rf {} +

# The stamps below say which set of packages .venv holds; the tests' set holds all of the talk's.

.venv/.talk: .venv/pyvenv.cfg constraints/talk.txt pyproject.toml
	@echo "Setting up (about 400 MB the first time)…"
	@$(PIP) --require-hashes -r constraints/talk.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

.venv/.test: .venv/pyvenv.cfg constraints/talk.txt constraints/test.txt pyproject.toml
	@echo "Setting up what the tests need…"
	@$(PIP) --require-hashes -r constraints/test.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch .venv/.talk $@

.venv/others/.done: .venv/pyvenv.cfg constraints/others.txt
	@echo "Setting up the other programs…"
	@$(PYTHON) -m venv --without-pip .venv/others
	@$(PYTHON) -m pip --python .venv/others/bin/python --disable-pip-version-check install --quiet \
		--require-hashes -r constraints/others.txt
	@touch $@

.venv/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "moot needs Python 3.11 or newer, and $(PYTHON) is not: name another, as in make PYTHON=python3.12" >&2; \
		exit 1; }
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { \
		echo "moot needs pip, and $(PYTHON) has none: install it (Debian: apt install python3-pip)" >&2; exit 1; }
	@$(PYTHON) -m venv --without-pip .venv
