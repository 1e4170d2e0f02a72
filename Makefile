# Everything a newcomer needs: `make demo`, then `make test`. `make` alone lists the targets.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
WORLD := .venv-world
WORLD_READY := $(WORLD)/.ready$(subst /,-,$(PYTHON))

.DEFAULT_GOAL := help
.PHONY: help demo test transparency proof world pythons check lint bench clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml constraints.txt
	@echo "setting up .venv (once, about a minute)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25'
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[agency,view,dev]'
	@touch $@

demo: $(READY) ## start the agency traced, send it photographs, print the trace (PHOTOS=folder for your own)
	@$(BIN)/python -m demo $(PHOTOS)

test: $(READY) ## run the whole suite, in three processes, as they often wait for others
	@$(BIN)/python -m pytest -n 3 --dist worksteal

lint: $(READY) ## ruff, mypy, the arrows between the rooms
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

transparency: $(READY) ## trace every function of eight packages and of most of the standard library: nobody notices
	@$(BIN)/python -m pytest -m "proof or not proof" tests/transparency

proof: transparency ## what takes long: transparency, SIGKILL at 1000 instants, death at 300 lines, 3000 random histories
	@ERNI_RUN_KILLS=1000 ERNI_RUN_DEATHS=300 ERNI_RUN_EXAMPLES=3000 $(BIN)/python -m pytest --timeout 7200 \
		tests/inside/test_delivery.py tests/inside/test_http2.py tests/inside/test_spool.py

$(WORLD_READY): $(READY) pyproject.toml constraints.txt
	@echo "setting up $(WORLD) (once, about a minute)"
	@$(PYTHON) -m venv --clear --without-pip $(WORLD)
	@$(BIN)/pip --python $(WORLD)/bin/python install --quiet --disable-pip-version-check \
		-c constraints.txt -e '.[view,world]'
	@touch $@

world: $(WORLD_READY) ## start real applications bare and traced, compare them, assert their traces
	@$(WORLD)/bin/python -m tests.world.table
	@$(WORLD)/bin/python -m pytest -p no:cacheprovider -m world tests/world -n 2

pythons: $(READY) ## run the suite on the other CPythons that are supported (VERSIONS="3.12 3.15" for some)
	@$(BIN)/python tests/pythons.py $(VERSIONS)

check: lint test ## all that CI does

bench: $(READY) ## measure what must hold, as ratios in one run: starts, spans, delivery, the viewer
	@failed=0; for script in startup functions delivery viewer; do \
		echo "== $$script"; $(BIN)/python -m benchmarks.$$script || failed=1; done; exit $$failed

clean: ## remove what was built
	rm -rf .venv .venv-3.* .pythons $(WORLD) dist .pytest_cache .mypy_cache .ruff_cache
