# Every target does its own set-up; a set-up that is up to date takes no time.
VENV ?= .venv
export VENV
BIN := $(VENV)/bin
ARGS ?=

.PHONY: help setup system demo test lint format clean

help:
	@echo "make demo     export a MobileNet V2 to ncnn, verify it layer by layer, time it"
	@echo "make test     run the tests            (ARGS='-k verify' is passed to pytest)"
	@echo "make lint     check style, types and the floors of the house"
	@echo "make setup    make $(VENV) hold what pyproject.toml and constraints.txt ask for"

setup:
	@.ci/setup

system:
	@.ci/system-packages

demo: setup
	@$(BIN)/python benchmarks/demo.py

test: setup system
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict edgekit
	$(BIN)/lint-imports --no-logo

format: setup
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
