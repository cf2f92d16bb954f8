# Lexikon Runbooks. `make help` lists what there is.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
UV_COMPILE := $(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --custom-compile-command "make lock" pyproject.toml
PYTEST := $(BIN)/python -m pytest -q

.DEFAULT_GOAL := help
.PHONY: help demo test lab bench lint nbval outputs matrix soak stop lock clean

help:  ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' Makefile

demo: .venv/.demo  ## a first executed runbook: embedded PostgreSQL, Lexikon's data, a deploy
	@$(BIN)/lexikon-runbook demo start
	$(BIN)/papermill --no-progress-bar runbooks/deploy.ipynb deploy.out.ipynb -p target demo

test: .venv/.dev lint  ## everything that is checked: lint, types, tests, notebooks
	$(PYTEST) -n 2 --dist loadfile tests
	$(MAKE) -s nbval

lint: .venv/.dev  ## ruff, mypy, the import arrows, the declared dependencies, the workflows, the image
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/jactionlint --profile correctness --shellcheck=$(BIN)/shellcheck
	$(BIN)/zizmor --offline --no-progress -q .github
	$(BIN)/hadolint --failure-threshold style Dockerfile
	$(BIN)/check-jsonschema -q --builtin-schema vendor.compose-spec docker-compose.prod.yml

nbval: .venv/.dev  ## execute the notebooks on a demo, and compare with tests/outputs/
	$(BIN)/python tests/run_notebooks.py compare

matrix: .venv/.dev  ## the version-dependent tests on every server, Python and Alembic that is here
	$(BIN)/python tests/matrix.py

soak:  ## test and matrix, all of both, whatever seed is set
	$(MAKE) -s test matrix RUNBOOK_TEST_SEED=

outputs: .venv/.dev  ## write tests/outputs/ anew, after a change of what the notebooks show
	$(BIN)/python tests/run_notebooks.py keep

lab: .venv/.lab  ## JupyterLab on the runbooks
	$(BIN)/jupyter lab --notebook-dir runbooks

bench: .venv/.dev  ## measure the figures of docs/benchmarks.md
	@for file in benchmarks/bench_*.py; do $(BIN)/python $$file || exit 1; done

stop: .venv/.demo  ## stop the embedded server; its data stay
	@$(BIN)/lexikon-runbook demo stop

lock: .venv/.dev  ## resolve the pinned requirements anew
	$(UV_COMPILE) --extra demo --extra diagram --group checkout -o requirements.lock
	$(UV_COMPILE) --extra demo --extra diagram --extra lab --group checkout -c requirements.lock -o requirements-lab.lock
	$(UV_COMPILE) --extra author --extra demo --extra diagram --extra lab --group dev -c requirements-lab.lock -o requirements-dev.lock

clean:  ## remove what was built; the archive stays
	rm -rf .venv .venv-* .demo* dist build

# One environment, which `lab` and `dev` add to. Nothing is resolved here: the locks are whole.
.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.demo: requirements.lock pyproject.toml | .venv/bin/python
	$(PIP) install --no-deps --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/.lab: requirements-lab.lock .venv/.demo
	$(PIP) install --no-deps --require-hashes -r requirements-lab.lock
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.demo
	$(PIP) install --no-deps --require-hashes -r requirements-dev.lock
	@touch $@ .venv/.lab
