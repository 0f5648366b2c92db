# Two commands: `make run` and `make test`. They need Python >= 3.11, make and a package registry.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
TEST_PROCESSES ?= 4
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet
NEEDED = Python 3.11 or later is needed: set PYTHON, as in PYTHON=python3.12 make run
ENVIRONMENT = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "$(NEEDED)")' && \
	echo "Installing into $(VENV), this once ..." && \
	{ test -x $(BIN)/python || { echo "  a Python environment ..."; $(PYTHON) -m venv $(VENV); }; }

# uv installs in seconds what takes pip two minutes. It does not read pip's configuration, though: where
# packages come only from where that says, pip does it.
INSTALL = $(PIP) install --require-hashes -r requirements-uv.lock && \
	install() { $(BIN)/uv pip install --python $(BIN)/python --link-mode copy --compile-bytecode \
		--require-hashes -r $$1 || { echo "uv could not; pip tries ..."; \
		$(PIP) install --require-hashes -r $$1; }; } && install
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

# Many processes start here: each would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test faults fuzz live chaos soak bench screenshots lint audit lock clean

run: $(VENV)/run.stamp  ## everything in this terminal, until Ctrl-C
	@$(BIN)/python manage.py run --with-parent

test: $(VENV)/test.stamp  ## the tests, with real Postgres, Valkey and, if found, Chromium
	@$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadscope --no-loadscope-reorder --durations 25

faults: export ANNUNCIATOR_NEED_BROWSER = 1
faults: export ANNUNCIATOR_NEED_FAKETIME = 1
faults: export ANNUNCIATOR_FAULT_POLLS ?= 4000
faults: $(VENV)/test.stamp  ## every row of the fault matrix and every long test; ends with the matrix
	@$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadscope --no-loadscope-reorder \
		-m "(fault or long) and not engine" --faults

fuzz: RUNS ?= 1000000
fuzz: $(VENV)/test.stamp  ## inputs that a fuzzer thinks of, for the JSON reader and the forms: RUNS
	@test -d .data/fuzzing/atheris || $(BIN)/uv pip install --quiet --python $(BIN)/python \
		--target .data/fuzzing atheris==3.0.0
	@PYTHONPATH=.data/fuzzing $(BIN)/python -m tests.fuzzing $(RUNS)

live: export ANNUNCIATOR_NEED_BROWSER = 1
live: export ANNUNCIATOR_PREFECT_DIR ?= .data/engines/prefect
live: export ANNUNCIATOR_AIRFLOW_DIR ?= .data/engines/airflow
live: export ANNUNCIATOR_FLOWER_DIR ?= .data/engines/flower
live: export ANNUNCIATOR_BUILDBOT_DIR ?= .data/engines/buildbot
live: export ANNUNCIATOR_DAGSTER_DIR ?= .data/engines/dagster
live: export ANNUNCIATOR_RESTATE_DIR ?= .data/engines/restate
live: export ANNUNCIATOR_N8N_DIR ?= .data/engines/n8n
live: ENGINE ?= prefect
live: $(VENV)/test.stamp  ## against a real workflow engine, installed for the purpose: ENGINE=prefect, airflow, flower, buildbot, dagster, restate, n8n or all
	@$(BIN)/python -m pytest tests/engines -m engine $(if $(filter all,$(ENGINE)),,-k test_$(ENGINE)_)

chaos: SECONDS ?= 180
chaos: KILLS ?= 36
chaos: COMMANDS ?= 900
chaos: $(VENV)/test.stamp  ## processes are shot under way; nothing may be lost or doubled: SECONDS, KILLS, COMMANDS
	@ANNUNCIATOR_CHAOS_SECONDS=$(SECONDS) ANNUNCIATOR_CHAOS_KILLS=$(KILLS) ANNUNCIATOR_CHAOS_COMMANDS=$(COMMANDS) \
		$(BIN)/python -m pytest tests/processes/test_chaos.py -m chaos -s

soak: export ANNUNCIATOR_NEED_BROWSER = 1
soak: $(VENV)/test.stamp  ## half an hour of work in a browser while changes pour in; ANNUNCIATOR_SOAK_SECONDS
	@$(BIN)/python -m pytest tests/browser/test_soak.py -m soak -s --keep-screenshots

bench: $(VENV)/test.stamp  ## figures as ratios, measured in one run
	@$(BIN)/python -m benchmarks

screenshots: $(VENV)/test.stamp  ## pictures of every page in .data/screenshots/, those that docs show in docs/
	@$(BIN)/python -m pytest tests/browser/test_screenshots.py --keep-screenshots

lint: $(VENV)/test.stamp
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@find templates -name '*.html' | xargs $(BIN)/djade --target-version 5.2 --check
	@$(BIN)/mypy config executions providers
	@$(BIN)/lint-imports

# pip-audit ends well, too, where it cannot ask: it has to know what is wrong with an old Django first.
AUDIT = $(BIN)/uv tool run --quiet pip-audit@2.10.1 --disable-pip --progress-spinner off

audit: $(VENV)/test.stamp  ## known vulnerabilities of the locked packages; the list of them all in .data/sbom.json
	@mkdir -p .data && echo "django==4.2.0" > .data/old-django.txt
	@PYTHONWARNINGS=ignore $(BIN)/uv tool run --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py requirements requirements.lock \
		--pyproject pyproject.toml -o .data/sbom.json
	@$(AUDIT) --no-deps -r .data/old-django.txt 2>/dev/null | grep -q "^django.*4\.2\.0.*\(PYSEC\|CVE\|GHSA\)" || \
		{ echo "NOT RUN: who knows the vulnerabilities cannot be asked from here."; exit 1; }
	@$(AUDIT) --strict --require-hashes -r requirements.lock

lock: $(VENV)/test.stamp  ## write the lock files anew from pyproject.toml
	@echo uv | $(LOCK) -o requirements-uv.lock -
	@$(LOCK) -o requirements.lock pyproject.toml
	@$(LOCK) --extra dev --constraints requirements.lock -o requirements-dev.lock pyproject.toml

clean:
	rm -rf $(VENV)

$(VENV)/run.stamp: requirements.lock
	@$(ENVIRONMENT)
	@$(INSTALL) $<
	@touch $@

$(VENV)/test.stamp: requirements-dev.lock
	@$(ENVIRONMENT)
	@$(INSTALL) $<
	@touch $@ $(VENV)/run.stamp
