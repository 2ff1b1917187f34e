# Each target works alone on a fresh machine with make and Python 3.11, 3.12 or 3.13. Another Python: make PYTHON=...
SUITABLE = import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(firstword $(foreach name,python3.13 python3.12 python3.11 python3 python,$(shell $(name) -c '$(SUITABLE)' >/dev/null 2>&1 && echo $(name))))
BIN := .venv/bin
RUN := $(BIN)/python
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check
# One test file more at once than there are cores, since many wait for other processes; what a file prepares is prepared once.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1)
TESTS := $(RUN) -m pytest -q -n $(WORKERS) --dist loadfile
# These are given models, films or photographs: python benchmarks/quality.py --help
GIVEN := compare quality blind readings drift hint_things joints scans smoothing tone reference damage mending
BENCHMARKS := $(filter-out $(GIVEN:%=benchmarks/%.py) benchmarks/common.py,$(wildcard benchmarks/*.py))

.PHONY: bench-compare help setup browser exiftool demo test check check-js slow faults fuzz bench fix lock locked audit sbom wheel clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

setup: .venv/stamp-dev ## install all that developing needs, into .venv

# From Debian, since a browser of Playwright's own would come from elsewhere. Nothing is done where there is one.
browser: ## install Chromium, which the tests of the page need, with apt-get (as root)
	@command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null || \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium; }

# A second program that reads what tinct writes.
exiftool: ## install ExifTool, which the tests of metadata need, with apt-get (as root)
	@command -v exiftool >/dev/null || \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends libimage-exiftool-perl; }

# The demo needs no PyTorch, so it installs less; where everything is installed already, that serves.
demo: ## colorize photographs that come with scikit-image, into demo/
	@if [ ! .venv/stamp-dev -nt pyproject.toml ]; then $(MAKE) --no-print-directory .venv/stamp-demo; fi
	@$(BIN)/tinct demo

test: .venv/stamp-dev ## run the fast tests
	@$(TESTS) -m "not slow"

check: .venv/stamp-dev ## lint, types, layers, and the fast tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(TESTS) -m "not slow"

# The page itself is served as it is written; this checks it with tools from npm, at the versions of tests/web/js/package.json.
JS := tests/web/js
check-js: $(JS)/node_modules/stamp ## check the page's JavaScript: eslint, types, tests of single functions (needs Node.js 20 and npm)
	@$(JS)/node_modules/.bin/eslint -c $(JS)/eslint.config.js src/tinct/web/static $(JS)
	@$(JS)/node_modules/.bin/tsc -p $(JS)/tsconfig.json
	@node --test --test-reporter=dot $(JS)/*.test.js

$(JS)/node_modules/stamp: $(JS)/package.json
	@command -v node npm >/dev/null || { echo "make: check-js needs Node.js 20 or later and npm: apt-get install nodejs npm, or https://nodejs.org" >&2; exit 1; }
	@npm install --prefix $(JS) --no-package-lock --no-audit --no-fund --loglevel=error
	@touch $@

slow: .venv/stamp-dev ## run the tests that take minutes
	@$(TESTS) -m slow

faults: .venv/stamp-dev ## kill, fill disks, change files, 50 rounds each (an hour; disks need root)
	@TINCT_FAULT_ROUNDS=$(or $(ROUNDS),50) $(RUN) -m pytest -q tests/faults --timeout 7200

fuzz: .venv/stamp-dev ## give damaged bytes to every reader, SECONDS_EACH=300
	@$(PIP) atheris
	@mkdir -p build/fuzz
	@cd build/fuzz && ../../$(RUN) ../../tests/fuzz/run.py all $(or $(SECONDS_EACH),300)

bench: .venv/stamp-dev ## measure speed and memory, into benchmarks/*.json
	@for benchmark in $(BENCHMARKS); do echo "$$benchmark"; $(RUN) $$benchmark || exit 1; done

# The two commits are goals too, for make; nothing is done for them.
bench-compare: .venv/stamp-dev ## processor seconds of two commits beside each other: make bench-compare A B
	@$(RUN) benchmarks/compare.py $(filter-out $@,$(MAKECMDGOALS))
ifneq ($(filter bench-compare,$(MAKECMDGOALS)),)
$(filter-out bench-compare,$(MAKECMDGOALS)): ; @:
endif

fix: .venv/stamp-dev ## format, and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# Tools that look at the environment stay out of it.
TOOLS := build/tools/bin
$(TOOLS)/python: | .venv/stamp
	@$(RUN) -m venv build/tools
	@$@ -m pip install --quiet --disable-pip-version-check build cyclonedx-bom pip-audit pip-licenses uv

lock: $(TOOLS)/python ## write requirements.lock anew, with hashes
	@$(TOOLS)/uv pip compile pyproject.toml --extra dev --generate-hashes --no-annotate --no-header --quiet \
	  --python-version 3.11 --python $(RUN) --output-file requirements.lock

# What is not in the file, or has other bytes than it says, is not installed.
locked: .venv/stamp ## install all that developing needs, into .venv, exactly as in requirements.lock
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) hatchling editables && $(PIP) --no-deps --no-build-isolation -e .
	@touch .venv/stamp-dev

audit: $(TOOLS)/python ## look for known weaknesses in what requirements.lock names
	@$(TOOLS)/pip-audit -r requirements.lock --require-hashes --disable-pip --strict

sbom: $(TOOLS)/python .venv/stamp-dev ## list all packages in .venv and their licences, into build/
	@$(TOOLS)/cyclonedx-py environment $(RUN) --pyproject pyproject.toml --output-reproducible -o build/sbom.json
	@$(TOOLS)/pip-licenses --python=$(RUN) --format=markdown --order=license --output-file=build/licences.md

wheel: $(TOOLS)/python ## build the wheel into dist/, the same bytes each time
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(TOOLS)/python -m build --wheel --outdir dist .

clean: ## remove .venv and caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist

.venv/stamp:
	@if [ -z "$(PYTHON)" ]; then echo "make: no Python 3.11, 3.12 or 3.13 (with venv) found; give one with PYTHON=..." >&2; exit 1; fi
	@echo "Making .venv with $(PYTHON)"
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/stamp-demo: pyproject.toml | .venv/stamp
	@echo "Installing tinct and the demo's photographs into .venv"
	@$(PIP) -e '.[demo]'
	@touch $@

.venv/stamp-dev: pyproject.toml | .venv/stamp
	@echo "Installing tinct and all that developing needs into .venv (a few minutes the first time)"
	@$(PIP) -e '.[dev]'
	@touch $@
