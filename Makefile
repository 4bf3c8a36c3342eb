# `make` lists the targets. Each target installs what it needs: uv into .tools, packages into .venv.

UV := $(shell command -v uv || echo $(CURDIR)/.tools/bin/uv)
RUN := $(UV) run --frozen --quiet
export PYTHONUTF8 = 1
# Images for containers set this. It keeps Python from storing compiled modules, so that each of the hundreds of processes
# that a target starts would compile again all that it imports: two thirds of the time that a script needs to start.
unexport PYTHONDONTWRITEBYTECODE
# The bundle builds its wheel with `uv`, which may be the one in .tools.
export PATH := $(PATH):$(CURDIR)/.tools/bin

.DEFAULT_GOAL := help
.PHONY: help demo test test-workspace fast kills faults airflow airflow-setup nutter-setup lint types bench docs wheel validate deploy run destroy clean setup java servers scanner

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup java  ## run the whole pipeline on this machine: rows, Kafka, Kinesis, Spark, answers, report
	@$(RUN) python scripts/demo.py $(ARGS)

test: setup java servers scanner airflow-setup nutter-setup lint types  ## lint, types and all tests, with real servers, and their cost
ifdef ARGS
	$(RUN) pytest $(ARGS)
else
	@rm -f .coverage .coverage.*
	$(RUN) python -m tests.support.side_by_side
	@$(RUN) coverage combine --quiet
	@$(RUN) coverage report
endif

fast: setup lint types  ## lint, types and the tests that need no server and no Spark
	$(RUN) python -m pytest -p tests.support.without_spark tests/unit tests/bundle $(ARGS)

kills: setup java  ## kill the stream's driver at twenty points: no record lost or duplicated
	KILLS=20 $(RUN) pytest tests/faults/test_stream_kill.py $(ARGS)

faults: setup java  ## run the fault tests ten times, with two busy loops as load
	$(RUN) python -m tests.support.under_load --times 10 -- $(RUN) pytest tests/faults $(ARGS)

airflow: airflow-setup  ## test the DAG in the Airflow version of MWAA, in its own environment
	.venvs/airflow/bin/python -m pytest -c tests/airflow/pytest.ini tests/airflow

# The Spark tests that share no files and no streams with Spark.
IN_A_WORKSPACE := $(addprefix tests/spark/test_,answers.py cleaning.py cleaning_properties.py credentials.py tables.py)
CATALOG ?= main

test-workspace:  ## run the Spark tests that need no local file or stream in a workspace, in their own schemas in CATALOG=main
	@scripts/setup.sh python
	@UV_PROJECT_ENVIRONMENT=.venvs/connect $(UV) sync --frozen --quiet --python 3.12 --only-group connect
	@PYTHONPATH=src:packages/spark_kinesis/src .venvs/connect/bin/python -m pytest --spark=workspace --catalog=$(CATALOG) $(IN_A_WORKSPACE) $(ARGS)

lint: setup  ## formatting, lint, and the import rules
	$(RUN) ruff format --check
	$(RUN) ruff check
	$(RUN) lint-imports --no-cache --no-logo

types: setup  ## mypy --strict
	$(RUN) mypy

bench: setup java  ## measure, and write docs/benchmarks.md
	$(RUN) python -m benchmarks.run $(ARGS)

docs: setup  ## regenerate the generated files
	$(RUN) python scripts/data_dictionary.py
	$(RUN) python scripts/table_definitions.py
	$(RUN) python scripts/api_models.py
	$(RUN) python scripts/dashboard.py

wheel: setup  ## build the wheel that goes to Databricks
	$(UV) build --quiet --wheel --clear

# Used by validate, deploy, run and destroy; each rejects missing and invalid values before it calls the CLI.
TARGET ?= dev
JOB ?= batch

validate: setup  ## check the bundle for TARGET=dev, staging or prod
	@$(RUN) python scripts/bundle.py validate $(TARGET) $(ARGS)

deploy: setup  ## deploy the bundle to TARGET=dev, staging or prod
	@$(RUN) python scripts/bundle.py deploy $(TARGET) $(ARGS)

run: setup  ## run JOB=batch, stream, ... of the deployed TARGET
	@$(RUN) python scripts/bundle.py run $(TARGET) $(JOB) $(ARGS)

destroy: setup  ## remove the deployment of TARGET; in staging and prod, resources that hold data are protected
	@$(RUN) python scripts/bundle.py destroy $(TARGET) $(ARGS)

clean:  ## remove everything that was built, installed and run here
	rm -rf .venv .venvs .tools dist packages/*/dist demo-output .pinterest .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.*

setup:
	@scripts/setup.sh python
	@$(UV) sync --frozen --quiet

airflow-setup: setup
	@UV_PROJECT_ENVIRONMENT=.venvs/airflow $(UV) sync --frozen --quiet --only-group airflow

# nutter runs notebooks/tests in a workspace; tests/notebooks runs its fixtures too.
nutter-setup: setup
	@UV_PROJECT_ENVIRONMENT=.venvs/nutter $(UV) sync --frozen --quiet --only-group nutter

java:
	@scripts/setup.sh java

servers:
	@scripts/setup.sh servers

# The policy scanner that tests/infrastructure runs over the templates.
scanner: setup
	@UV_PROJECT_ENVIRONMENT=.venvs/scan $(UV) sync --frozen --quiet --only-group scan
