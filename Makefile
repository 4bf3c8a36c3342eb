# `make` lists the targets. Everything a target needs is installed by it: uv into .tools, packages into .venv.

UV := $(shell command -v uv || echo $(CURDIR)/.tools/bin/uv)
RUN := $(UV) run --frozen --quiet
export PYTHONUTF8 = 1
# The bundle builds its wheel by `uv`, whoever put that here.
export PATH := $(PATH):$(CURDIR)/.tools/bin

.DEFAULT_GOAL := help
.PHONY: help demo test test-workspace fast kills faults airflow airflow-setup nutter-setup lint types bench docs wheel validate deploy run destroy clean setup java servers scanner

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup java  ## run the whole pipeline on this machine: rows, Kafka, Kinesis, Spark, answers, report
	@$(RUN) python scripts/demo.py $(ARGS)

test: setup java servers scanner airflow-setup nutter-setup lint types  ## lint, types and all tests, with real servers, and what they cost
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

kills: setup java  ## kill the stream's driver at twenty moments: no record lost, none twice
	KILLS=20 $(RUN) pytest tests/faults/test_stream_kill.py $(ARGS)

faults: setup java  ## the fault tests ten times, while two endless loops keep the machine busy
	$(RUN) python -m tests.support.under_load --times 10 -- $(RUN) pytest tests/faults $(ARGS)

airflow: airflow-setup  ## the DAG in the Airflow that MWAA runs, in an environment of its own
	.venvs/airflow/bin/python -m pytest -c tests/airflow/pytest.ini tests/airflow

# Of Spark's tests those that share no files and no streams with it.
IN_A_WORKSPACE := $(addprefix tests/spark/test_,answers.py cleaning.py cleaning_properties.py credentials.py tables.py)
CATALOG ?= main

test-workspace:  ## the Spark tests that need nothing of this machine, in a workspace, in schemas of their own in CATALOG=main
	@scripts/setup.sh python
	@UV_PROJECT_ENVIRONMENT=.venvs/connect $(UV) sync --frozen --quiet --python 3.12 --only-group connect
	@PYTHONPATH=src:packages/spark_kinesis/src .venvs/connect/bin/python -m pytest --spark=workspace --catalog=$(CATALOG) $(IN_A_WORKSPACE) $(ARGS)

lint: setup  ## formatting, lint, and the rules of who may import whom
	$(RUN) ruff format --check
	$(RUN) ruff check
	$(RUN) lint-imports --no-cache --no-logo

types: setup  ## mypy --strict
	$(RUN) mypy

bench: setup java  ## measure, and write docs/benchmarks.md
	$(RUN) python -m benchmarks.run $(ARGS)

docs: setup  ## write the generated documents anew
	$(RUN) python scripts/data_dictionary.py
	$(RUN) python scripts/table_definitions.py
	$(RUN) python scripts/api_models.py
	$(RUN) python scripts/dashboard.py

wheel: setup  ## build the wheel that goes to Databricks
	$(UV) build --quiet --wheel --clear

# What `make deploy` and its companions work on; each refuses values that are missing or cannot be before it calls the CLI.
TARGET ?= dev
JOB ?= batch

validate: setup  ## check the bundle for TARGET=dev, staging or prod
	@$(RUN) python scripts/bundle.py validate $(TARGET) $(ARGS)

deploy: setup  ## deploy the bundle to TARGET=dev, staging or prod
	@$(RUN) python scripts/bundle.py deploy $(TARGET) $(ARGS)

run: setup  ## run JOB=batch, stream, ... of the deployed TARGET
	@$(RUN) python scripts/bundle.py run $(TARGET) $(JOB) $(ARGS)

destroy: setup  ## remove what was deployed to TARGET; staging and prod keep what holds data
	@$(RUN) python scripts/bundle.py destroy $(TARGET) $(ARGS)

clean:  ## remove what was built, installed and run here
	rm -rf .venv .venvs .tools dist packages/*/dist demo-output .pinterest .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.*

setup:
	@scripts/setup.sh python
	@$(UV) sync --frozen --quiet

airflow-setup: setup
	@UV_PROJECT_ENVIRONMENT=.venvs/airflow $(UV) sync --frozen --quiet --only-group airflow

# Runs notebooks/tests in a workspace; its fixtures run in tests/notebooks too.
nutter-setup: setup
	@UV_PROJECT_ENVIRONMENT=.venvs/nutter $(UV) sync --frozen --quiet --only-group nutter

java:
	@scripts/setup.sh java

servers:
	@scripts/setup.sh servers

# The policy scanner that tests/infrastructure runs over the templates.
scanner: setup
	@UV_PROJECT_ENVIRONMENT=.venvs/scan $(UV) sync --frozen --quiet --only-group scan
