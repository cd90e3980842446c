# `make demo` and `make test` are all a fresh machine with Python, make and git needs.
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11 python,$(shell $(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))))
BIN := .venv/bin
# Two processes of tests share the processors: threads that wait for work must not take them. A
# `make` that a test starts is no part of this one.
SHARED := MAKEFLAGS= OMP_WAIT_POLICY=passive OPENBLAS_NUM_THREADS=1

.PHONY: demo test most test-all lint fast fuzz libraries libraries-page chips browser pictures docs

demo: .venv/installed
	$(BIN)/python -m nirx_conformance.demo

# Lint, types, import contracts and every test but the exhaustive ones. The types are checked while
# the tests start.
test: .venv/installed
	$(MAKE) --jobs=2 lint most

most: .venv/installed
	$(SHARED) $(BIN)/python -m pytest -n 2 --dist worksteal -m "not exhaustive"

# What `make test` leaves out: long sweeps, a minute of fuzzing, kills at random times, the wheel, a browser, inductor.
test-all: .venv/installed
	$(SHARED) $(BIN)/python -m pytest -n 2 --dist worksteal -m exhaustive

# Changed files and graphs for ten minutes on all cores: nothing but results and NirxErrors.
fuzz: .venv/installed
	PYTHONPATH=tests OPENBLAS_NUM_THREADS=1 $(BIN)/python -m support.fuzzing --minutes 10 --save fuzz-failures

# The quick tests only: what a bare `pytest` runs, on two workers.
fast: .venv/installed
	$(SHARED) $(BIN)/python -m pytest -n 2 --dist worksteal

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

# torch first and pinned: an unpinned one, or torchvision, brings several GB of CUDA packages.
.venv/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "nirx needs Python 3.11 or newer; set PYTHON=/path/to/python"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

# Tests against real SNN libraries, in an environment of their own; not a part of `make test`.
libraries: .venv-libraries/installed
	OMP_NUM_THREADS=1 .venv-libraries/bin/python -m pytest -n 2 --dist loadscope -m "slow or not slow or exhaustive" tests/libraries

# The equivalence matrix again, where a library (or a bridge) has changed what it computes.
libraries-page: .venv-libraries/installed
	.venv-libraries/bin/python -m nirx_conformance.libraries --page docs/libraries.md

.venv-libraries/installed: pyproject.toml constraints.txt tests/libraries/requirements.txt tests/libraries/requirements-no-deps.txt
	test -x .venv-libraries/bin/python || $(PYTHON) -m venv .venv-libraries
	.venv-libraries/bin/pip install --quiet --constraint constraints.txt torch
	.venv-libraries/bin/pip install --quiet --constraint constraints.txt --editable ".[torch,jax,fast]" pytest pytest-xdist
	.venv-libraries/bin/pip install --quiet --constraint constraints.txt --requirement tests/libraries/requirements.txt
	.venv-libraries/bin/pip install --quiet --no-deps --requirement tests/libraries/requirements-no-deps.txt
	touch $@

# Tests against the vendors' own simulators of chips, which run in an environment of their own: Lava
# needs Python 3.10, and nirx 3.11. Without Python 3.10 the tests skip.
PYTHON310 ?= $(firstword $(foreach p,python3.10 $(wildcard $(HOME)/.pyenv/versions/3.10*/bin/python),$(shell $(p) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10))' 2>/dev/null && echo $(p))))
chips: .venv/installed
	@if test -n "$(PYTHON310)"; then $(MAKE) .venv-chips/installed; \
	else echo "no Python 3.10 for Lava; set PYTHON310=/path/to/python3.10"; fi
	$(BIN)/python -m pytest -rs -m "slow or not slow or exhaustive" tests/chips

.venv-chips/installed: tests/chips/requirements.txt tests/chips/requirements-no-deps.txt tests/chips/requirements-compiled.txt
	test -x .venv-chips/bin/python || $(PYTHON310) -m venv .venv-chips
	.venv-chips/bin/pip install --quiet --requirement tests/chips/requirements.txt
	.venv-chips/bin/pip install --quiet --no-deps --requirement tests/chips/requirements-no-deps.txt
	.venv-chips/bin/pip install --quiet --requirement tests/chips/requirements-compiled.txt || echo "xylosim does not build here; the tests of Xylo will skip"
	touch $@

# The documentation site, in build/site: pages, API reference, notebooks that run now. A broken link fails.
docs: .venv-docs/installed
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --config-file docs/site/mkdocs.yml

.venv-docs/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "nirx needs Python 3.11 or newer; set PYTHON=/path/to/python"; exit 1; }
	test -x .venv-docs/bin/python || $(PYTHON) -m venv .venv-docs
	.venv-docs/bin/pip install --quiet --constraint constraints.txt torch
	.venv-docs/bin/pip install --quiet --constraint constraints.txt --editable ".[docs]"
	touch $@

# A browser for the tests of pages, which skip without (Debian, as root).
browser:
	apt-get update -q
	DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends chromium fonts-dejavu-core

# docs/*.svg from docs/*.dot (Debian's graphviz).
pictures:
	for f in docs/*.dot; do dot -Tsvg $$f -o $${f%.dot}.svg; done
